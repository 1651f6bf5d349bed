"""Whose a namespace is: names cannot be taken over.

A namespace is made by POST under a name that was written down before, and carries a random claim
that was written down with it. It is ours if it has the uid that we recorded, or if we recorded
none yet and it carries the claim: then the answer to our POST was lost, and its uid is recorded
now. Anything else under that name is somebody else's and is never touched; we take the next name.
"""

from collections.abc import Callable
from dataclasses import replace

from services.chassis.clock import Clock
from services.chassis.ids import Ids
from services.provisioner import naming
from services.provisioner.domain import Tenant
from services.provisioner.ensure import Hand
from services.provisioner.errors import NameContended, NamespaceTerminating, ObjectExists
from services.provisioner.isolation import namespace_ref
from services.provisioner.manifests import Part
from services.provisioner.naming import Naming
from services.provisioner.objects import Live
from services.provisioner.ports import Audited, Store
from services.provisioner.progress import ACTOR, Record

CLAIM_PREFIX = "clm"
_TRIES = 5


def is_ours(tenant: Tenant, live: Live) -> bool:
    """Tell whether this namespace is the tenant's."""
    if tenant.uid:
        return live.uid == tenant.uid
    return bool(tenant.claim) and live.annotation(naming.ANNOTATION_CLAIM) == tenant.claim


class Claiming:
    """Gets hold of the tenant's namespace."""

    def __init__(self, record: Record, names: Naming, ids: Ids, clock: Clock) -> None:
        self._record = record
        self._names = names
        self._ids = ids
        self._clock = clock

    async def take(
        self, tenant: Tenant, part_of: Callable[[Tenant], Part], hand: Hand
    ) -> tuple[Tenant, Live]:
        """Return the tenant with its uid and its namespace, made if it does not stand.

        Raises NamespaceTerminating while it is being deleted, NameContended if name after name is
        somebody else's.
        """
        for _ in range(_TRIES):
            live = await self._stands(tenant, hand)
            if live is None:
                tenant = await self._forget_uid(tenant)
                live = await self._made(tenant, part_of(tenant), hand)
            if is_ours(tenant, live):
                return await self._use(tenant, hand.fenced(live))
            tenant = await self._next_name(tenant)
        raise NameContended(f"Every name tried for the namespace of {tenant.id} was taken.")

    async def _stands(self, tenant: Tenant, hand: Hand) -> Live | None:
        # Nothing was recorded, so most likely nothing stands: the POST itself will tell.
        if not tenant.uid:
            return None
        return await hand.cluster.get(namespace_ref(tenant.namespace), timeout=hand.time())

    async def _made(self, tenant: Tenant, part: Part, hand: Hand) -> Live:
        try:
            return await hand.create(part)
        except ObjectExists:
            live = await hand.cluster.get(part.ref, timeout=hand.time())
        if live is None:
            raise NamespaceTerminating(f"Namespace {tenant.namespace} has just gone.")
        return live

    async def _use(self, tenant: Tenant, live: Live) -> tuple[Tenant, Live]:
        tenant = await self._record_uid(tenant, live)
        if live.deleting:
            raise NamespaceTerminating(f"Namespace {tenant.namespace} is being deleted.")
        return tenant, live

    async def _record_uid(self, tenant: Tenant, live: Live) -> Tenant:
        if tenant.uid == live.uid:
            return tenant
        return await self._record.step(tenant, lambda now: replace(now, uid=live.uid))

    async def _forget_uid(self, tenant: Tenant) -> Tenant:
        """Get ready to make a namespace anew after the recorded one was deleted by somebody."""
        if not tenant.uid:
            return tenant
        claim = self._ids.new(CLAIM_PREFIX)
        entry = Audited(ACTOR, "recreate-namespace", tenant.id, "it was gone", {"uid": tenant.uid})
        return await self._record.step(tenant, lambda now: replace(now, uid="", claim=claim), entry)

    async def _next_name(self, tenant: Tenant) -> Tenant:
        claim = self._ids.new(CLAIM_PREFIX)
        entry = Audited(
            ACTOR, "choose-name", tenant.id, "the name is taken", {"taken": tenant.namespace}
        )

        async def work(store: Store) -> Tenant:
            name, attempt = await free_name(store, self._names, tenant.id, tenant.attempt + 1)

            def renamed(now: Tenant) -> Tenant:
                return replace(now, namespace=name, attempt=attempt, claim=claim, uid="")

            return await self._record.write(store, tenant, renamed, entry)

        return await self._record.run(work)


async def free_name(store: Store, names: Naming, tenant_id: str, attempt: int) -> tuple[str, int]:
    """Return the first name from this attempt on that no tenant has, and its attempt."""
    while True:
        name, attempt = names.candidate(tenant_id, attempt)
        if not await store.name_taken(name):
            return name, attempt
        attempt += 1
