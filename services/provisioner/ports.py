"""What the provisioner needs of the outside: its store, the cluster, and the queue's lease."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.chassis.facts import FactRecord
from services.chassis.transactions import Transactions as Transactions
from services.provisioner.domain import Json, JsonObject, Observed, Scope, Tenant
from services.provisioner.objects import Live, Ref

TENANTS = "tenants"
"""Topic of the feed: some tenant was written."""


@dataclass(frozen=True, slots=True)
class Audited:
    """Who did what to which tenant, and why."""

    actor: str
    action: str
    tenant: str
    reason: str
    details: Mapping[str, str] = field(default_factory=dict)


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

    async def add_tenant(self, tenant: Tenant) -> Tenant | None:
        """Add a tenant and return it with its number, the next one in the order of commits.

        None, and nothing is added, if somebody else has added it meanwhile.
        """
        ...

    async def save_tenant(self, tenant: Tenant) -> Tenant:
        """Write a locked tenant and return it with its ``change`` raised."""
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

    async def all_ids(self, after: str, limit: int) -> Sequence[str]:
        """Return ids of tenants that are not gone for good, above ``after``, in order."""
        ...

    async def of_organizations(self, names: Sequence[str]) -> Sequence[Tenant]:
        """Return the tenants of these organizations that are not gone for good, by number."""
        ...

    async def enqueue(self, tenant_ids: Sequence[str]) -> None:
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

    async def delete(self, live: Live, *, timeout: float) -> None:
        """Delete exactly this object; gone already is well; ObjectChanged."""
        ...


class View(Protocol):
    """What was last heard of our objects: a hint of what to do, never proof that it is done."""

    @property
    def ready(self) -> bool:
        """Every kind was listed at least once."""
        ...

    def objects(self, tenant_id: str) -> Mapping[Ref, Live]:
        """Return the tenant's objects."""
        ...


class Feed(Protocol):
    """Wake-ups inside this process; only a shortcut, the store is the truth."""

    def seen(self, topic: str) -> int:
        """Return how often the topic was woken; asked before looking."""
        ...

    async def wait(self, topic: str, since: int, timeout: float) -> None:
        """Wait until it was woken after ``since``, for at most ``timeout`` seconds."""
        ...


class Lease(Protocol):
    """How long the work on a tenant is ours."""

    def remaining(self) -> float:
        """Return seconds that are left; other workers may take over afterwards."""
        ...
