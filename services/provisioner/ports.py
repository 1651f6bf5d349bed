"""What the provisioner needs of the outside: its store, the cluster, and the queue's lease."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.chassis.facts import FactRecord
from services.chassis.transactions import Transactions as Transactions
from services.provisioner.domain import Json, JsonObject, Observed, Scope, Tenant, Version
from services.provisioner.objects import Live, Ref

TENANTS = "tenants"
"""Topic of the feed: some tenant was written."""

AT_ONCE, IN_TURN = 5, 0
"""How urgent a look at a tenant is: who has paid, or whose objects somebody changed, goes before
what is only news and the looks at everything, which are one run in eight while there is more."""


@dataclass(frozen=True, slots=True)
class Audited:
    """Who did what to which tenant, and why."""

    actor: str
    action: str
    tenant: str
    reason: str
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OnceScope:
    """Whose idempotency key it is, and the digest of what was asked under it.

    ``account`` is the organization that it is asked for; an empty ``key`` is a new operation.
    """

    account: str
    actor: str
    rpc: str
    key: str
    request_hash: bytes


class Store(Protocol):
    """The rows of the provisioner, within one transaction."""

    async def lock_incarnation(self, account: str, incarnation: int) -> Tenant | None:
        """Return the tenant of this incarnation, locked until the transaction ends."""
        ...

    async def lock_tenant(self, tenant_id: str) -> Tenant | None:
        """Return the tenant, locked until the transaction ends."""
        ...

    async def get_tenant(self, tenant_id: str) -> Tenant | None:
        """Return the tenant as it was last committed."""
        ...

    async def add_tenant(self, tenant: Tenant, entry: Audited) -> Tenant | None:
        """Add a tenant and return it with its number, the next one in the order of commits.

        Notes that, and asks for the tenant's run. None, and nothing is written, if somebody has
        added it or has its name. One statement, so it needs no transaction.
        """
        ...

    async def save_tenant(self, tenant: Tenant) -> Tenant:
        """Write a locked tenant and return it with its ``change`` raised."""
        ...

    async def save_if_unchanged(self, tenant: Tenant, fact: Observed | None) -> Tenant | None:
        """Write what became of a tenant, and a fact about it, unless its row was written since.

        ``tenant.change`` is that of the row that it was read from, and its order is the one that
        it was read with. Returns it with its ``change`` raised; None, and nothing is written, if
        somebody else has written the row. One statement, so it needs no transaction.
        """
        ...

    async def version_of(self, tenant_id: str) -> Version | None:
        """Return the order in force, as it was last committed; None if there is no such tenant."""
        ...

    async def name_taken(self, namespace: str) -> bool:
        """Tell whether a tenant, gone or not, has this name."""
        ...

    async def list_tenants(
        self, scope: Scope, account: str, after: int, limit: int
    ) -> Sequence[Tenant]:
        """Return tenants with numbers above ``after``, by number; an empty account is all."""
        ...

    async def changed_within(self, scope: Scope, account: str, seconds: float) -> Sequence[Tenant]:
        """Return tenants written within the last seconds of the store's own clock, by number."""
        ...

    async def tenants(self, tenant_ids: Sequence[str]) -> Sequence[Tenant]:
        """Return those of these tenants that there are, by id."""
        ...

    async def page(self, after: str, limit: int) -> Sequence[Tenant]:
        """Return tenants that are not gone for good, with ids above ``after``, by id."""
        ...

    async def of_organizations(self, names: Sequence[str]) -> Sequence[Tenant]:
        """Return the tenants of these organizations that are not gone for good, by number."""
        ...

    async def enqueue(self, tenant_ids: Sequence[str], priority: int) -> None:
        """Ask for these tenants to be reconciled, once this transaction has committed."""
        ...

    async def append(self, fact: Observed) -> None:
        """Write a fact to the outbox; the tenant is locked by this transaction."""
        ...

    async def keep_unknown(self, fact: FactRecord, source: str) -> None:
        """Keep a fact of a type that only a later version knows."""
        ...

    async def audit(self, entry: Audited) -> None:
        """Add to the audit trail."""
        ...

    async def once(self, scope: OnceScope, produce: Callable[[], Awaitable[str]]) -> str:
        """Return what ``produce`` answered the first time that this was asked for.

        Raises IdempotencyConflict for other content under the same key, Aborted while the first
        call is still at work.
        """
        ...

    async def forget_answers(self) -> int:
        """Forget idempotency keys that are past their time; return how many."""
        ...


class Cluster(Protocol):
    """The Kubernetes API. Timeouts are in seconds and bound the whole call.

    Every method raises ClusterUnavailable, ClusterTimeout or ClusterForbidden; after the first two
    a write may or may not have happened.
    """

    async def get(self, ref: Ref, *, timeout: float, since: str = "") -> Live | None:
        """Read an object from the API server itself; None if it does not stand.

        The answer is the newest state there is or, with the resourceVersion ``since``, one at
        least that new, which costs the API server less.
        """
        ...

    async def create(self, wanted: JsonObject, *, timeout: float) -> Live:
        """Create an object; ObjectExists, ObjectGone (no namespace), NamespaceTerminating."""
        ...

    async def hand_over(
        self, live: Live, managed_fields: Sequence[Json], *, timeout: float
    ) -> Live:
        """Replace the managed fields of exactly this object; ObjectChanged, ObjectGone."""
        ...

    async def apply(self, wanted: JsonObject, live: Live, *, timeout: float) -> Live:
        """Apply to exactly this object, taking fields from others; ObjectChanged, ObjectGone."""
        ...

    async def strip(self, live: Live, annotations: Sequence[str], *, timeout: float) -> Live:
        """Take annotations, whoever owns them, from exactly this object; ObjectChanged."""
        ...

    async def change(self, live: Live, patch: JsonObject, *, timeout: float) -> Live:
        """Merge a patch into exactly this object, whoever owns the fields.

        A field that is None in the patch is taken away. ObjectChanged, ObjectGone.
        """
        ...

    async def change_spec(self, live: Live, patch: JsonObject, *, timeout: float) -> Live:
        """Merge a patch into this object if its spec is still the one that was read.

        That its status moved meanwhile does not matter: a controller may move it all the time.
        ObjectChanged, ObjectGone.
        """
        ...

    async def list_in(
        self, api_version: str, kind: str, namespace: str, *, timeout: float
    ) -> Sequence[Live]:
        """Read all objects of a kind in a namespace, whoever made them; KindMissing."""
        ...

    async def list_labelled(
        self, api_version: str, kind: str, label: str, value: str, *, timeout: float
    ) -> Sequence[Live]:
        """Read all objects of a kind that carry a label, in all namespaces; KindMissing.

        The answer is the newest state there is, never what a cache knows.
        """
        ...

    async def delete(self, live: Live, *, timeout: float) -> None:
        """Delete exactly this object; gone already is well; ObjectChanged."""
        ...


class View(Protocol):
    """What was last heard of our objects: a hint of what to do, and no proof but for ``told``."""

    @property
    def ready(self) -> bool:
        """Every kind was listed at least once."""
        ...

    def objects(self, tenant_id: str) -> Mapping[Ref, Live]:
        """Return the tenant's objects."""
        ...

    async def told(
        self, tenant_id: str, written: Mapping[Ref, str], seconds: float
    ) -> Mapping[Ref, Live]:
        """Return those of these objects that were told of as they stood after they were written.

        ``written`` has the resourceVersion that each was given by its write. This much is proof
        (see ``kube/told.py``): the object is what the API server said that it stored, then or
        later. Waits at most ``seconds`` to be told. What is missing in the answer was not told of,
        or does not stand; only a GET tells which.
        """
        ...


class Feed(Protocol):
    """Wake-ups inside this process; only a shortcut, the store is the truth."""

    def seen(self, topic: str) -> int:
        """Return how often the topic was woken; asked before looking."""
        ...

    async def wait(self, topic: str, since: int, timeout: float) -> bool:
        """Wait until it was woken after ``since``, for at most ``timeout`` seconds.

        Returns whether it was.
        """
        ...


class Lease(Protocol):
    """How long the work on a tenant is ours."""

    def remaining(self) -> float:
        """Return seconds that are left; other workers may take over afterwards."""
        ...
