"""Taking an organization's quota away: what is ours goes, what is others' stays as it is."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from services.chassis.clock import Clock
from services.provisioner import lifecycle
from services.provisioner.domain import Tenant, TenantPhase
from services.provisioner.ensure import Hand, together
from services.provisioner.objects import Live, Ref
from services.provisioner.organization import findings
from services.provisioner.organization.desired import cleared, everywhere, is_of
from services.provisioner.organization.saying import Saying
from services.provisioner.organization.seen import Seen
from services.provisioner.ports import Audited
from services.provisioner.progress import ACTOR, Record


class Withdrawal:
    """Withdraws quotas, bounds and annotations of organizations that have no plan any more."""

    def __init__(self, record: Record, clock: Clock) -> None:
        self._record = record
        self._clock = clock

    async def withdraw(
        self, tenant: Tenant, standing: Mapping[Ref, Live], seen: Seen, hand: Hand
    ) -> Tenant:
        """Take away everything of ours, for which the order itself is the permit."""
        gone = tenant.phase is TenantPhase.DELETED and not standing
        if gone and tenant.observed_generation == tenant.version.generation:
            return tenant
        if tenant.closed:
            entry = Audited(ACTOR, "delete", tenant.id, "as ordered", {"uid": tenant.uid})
            tenant = await self._record.step(
                tenant, lambda now: lifecycle.deleting(now, self._clock.now()), entry
            )
        # What a moment ago was made may not have been heard of yet, and nobody looks here again.
        due = dict.fromkeys([*standing, *everywhere(tenant, seen)])
        await together([self._remove(tenant, ref, hand) for ref in due])
        if seen.organization is not None:
            await self._unsay(tenant, hand)
        return await self._record.step(tenant, self._ended)

    async def remove(self, tenant: Tenant, objects: Iterable[Live], hand: Hand) -> None:
        """Delete these objects where they are still this tenant's, and of no newer order."""
        for known in objects:
            await self._remove(tenant, known.ref, hand)

    async def _remove(self, tenant: Tenant, ref: Ref, hand: Hand) -> None:
        async def once() -> None:
            live = await hand.cluster.get(ref, timeout=hand.time())
            if live is None or live.deleting or not _is_due(tenant, live):
                return
            # A deletion cannot be called back: one more look at the order.
            await self._record.still_ordered(tenant)
            await hand.delete(live)

        await hand.settled(f"{ref.kind} {ref.name}", once)

    async def _unsay(self, tenant: Tenant, hand: Hand) -> None:
        say = Saying(hand, tenant)
        live = await say.read()
        # Never ours, another account's, or a later incarnation's: theirs to say.
        if live is None or not say.is_last(live):
            return
        await say.say(cleared(tenant))

    def _ended(self, tenant: Tenant) -> Tenant:
        now = self._clock.now()
        if tenant.closed:
            return lifecycle.deleted(tenant, now)
        bare = replace(tenant, standing=None, uid="")
        return lifecycle.settled(bare, findings.of_cleared(), now)


def _is_due(tenant: Tenant, live: Live) -> bool:
    return is_of(tenant, live) and live.version <= tenant.version
