"""Taking a tenant away, for which the order itself is the permit.

Nothing here waits: the namespace is asked to go, and the tenant is looked at again until it is
gone. What is deleted is exactly what was read (uid and resourceVersion), and only after one more
look at the order in the database: a deletion cannot be called back.
"""

from services.chassis.clock import Clock
from services.provisioner import lifecycle
from services.provisioner.claiming import is_ours
from services.provisioner.domain import Tenant
from services.provisioner.ensure import Hand
from services.provisioner.isolation import namespace_ref
from services.provisioner.objects import Live
from services.provisioner.ports import Audited
from services.provisioner.progress import ACTOR, Record

LOOK_AGAIN = 0.5
"""Seconds until a namespace that is going is looked at again; its last event comes sooner."""


class Removal:
    """Deletes the namespace of a tenant that is ordered away."""

    def __init__(self, record: Record, clock: Clock) -> None:
        self._record = record
        self._clock = clock

    async def remove(self, tenant: Tenant, hand: Hand) -> float | None:
        """Take one step; return when to look again, in seconds, None when all is gone."""
        live = await self._standing(tenant, hand)
        if live is None:
            entry = Audited(ACTOR, "deleted", tenant.id, "as ordered")
            await self._record.step(
                tenant, lambda now: lifecycle.deleted(now, self._clock.now()), entry
            )
            return None
        if not live.deleting:
            await self._delete(tenant, live, hand)
        return LOOK_AGAIN

    async def _standing(self, tenant: Tenant, hand: Hand) -> Live | None:
        if not tenant.namespace:
            return None
        live = await hand.cluster.get(namespace_ref(tenant.namespace), timeout=hand.time())
        # Under our name, but not ours: what was ours is gone.
        return live if live is not None and is_ours(tenant, live) else None

    async def _delete(self, tenant: Tenant, live: Live, hand: Hand) -> None:
        hand.fenced(live)
        entry = Audited(ACTOR, "delete", tenant.id, "as ordered", {"uid": live.uid})
        # This is the look at the order: it fails if another one is in force by now.
        await self._record.step(
            tenant, lambda now: lifecycle.deleting(now, self._clock.now()), entry
        )
        await hand.delete(live)
