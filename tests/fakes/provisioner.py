"""The provisioner's store and cluster, in memory.

The store holds domain values and passes the store's suite. The cluster is a small honest API
server for the objects of a tenant: uids, resourceVersions, preconditions, managed fields with the
pruning of server-side apply, and namespaces that take a while to go.
"""

from collections.abc import Awaitable, Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from services.chassis.facts import FactRecord
from services.chassis.idempotency import IdempotencyConflict
from services.chassis.wakeups import after_commit
from services.provisioner.domain import (
    Json,
    JsonObject,
    Observed,
    Scope,
    Tenant,
    TenantPhase,
    Version,
)
from services.provisioner.errors import (
    NamespaceTerminating,
    ObjectChanged,
    ObjectExists,
    ObjectGone,
)
from services.provisioner.objects import Live, Ref, ref_of
from services.provisioner.ports import AT_ONCE, TENANTS, Audited, OnceScope
from services.provisioner.store import QUEUE, Codec
from tests.fakes import memory_inbox, memory_outbox, memory_queue
from tests.fakes.memory_apply import (
    fields_of,
    is_ours,
    managed_entry,
    merge,
    merge_patch,
    prune,
    served,
)
from tests.fakes.memory_db import MemoryTx, Table

T = TypeVar("T")

TENANT_ROWS: Table[str, Tenant] = Table("tenants")
CHANGED: Table[str, float] = Table("tenants_changed")
NUMBERS: Table[str, int] = Table("tenant_numbers")
AUDIT: Table[int, Audited] = Table("audit")
ANSWERS: Table[tuple[str, str, str, str], tuple[bytes, str]] = Table("idempotency")


class MemoryStore:
    """The in-memory twin of PgStore."""

    def __init__(self, tx: MemoryTx, codec: Codec) -> None:
        self._tx = tx
        self._codec = codec

    async def lock_incarnation(self, account: str, incarnation: int) -> Tenant | None:
        for tenant_id, tenant in self._tx.rows(TENANT_ROWS):
            if (tenant.order.account, tenant.order.incarnation) == (account, incarnation):
                return await self._tx.lock(TENANT_ROWS, tenant_id)
        return None

    async def lock_tenant(self, tenant_id: str) -> Tenant | None:
        return await self._tx.lock(TENANT_ROWS, tenant_id)

    async def get_tenant(self, tenant_id: str) -> Tenant | None:
        await self._tx.db.step()
        return self._tx.get(TENANT_ROWS, tenant_id)

    async def add_tenant(self, tenant: Tenant, entry: Audited) -> Tenant | None:
        for _, known in self._tx.rows(TENANT_ROWS):
            if known.id == tenant.id or known.namespace == tenant.namespace != "":
                return None
        number = (await self._tx.lock(NUMBERS, "last") or 0) + 1
        self._tx.write(NUMBERS, "last", number)
        added = replace(tenant, number=number, change=0)
        if await self._tx.hold(TENANT_ROWS, tenant.id) is not None:
            return None
        self._tx.write(TENANT_ROWS, tenant.id, added)
        await self._touch(tenant.id)
        noted = self._tx.db.next("audit")
        await self._tx.hold(AUDIT, noted)
        self._tx.write(AUDIT, noted, entry)
        await self.enqueue([tenant.id], AT_ONCE)
        return added

    async def save_tenant(self, tenant: Tenant) -> Tenant:
        before = self._tx.get(TENANT_ROWS, tenant.id)
        if before is None:
            raise LookupError(f"tenant {tenant.id} was locked and is not there")
        saved = replace(tenant, change=before.change + 1)
        await self._tx.put(TENANT_ROWS, tenant.id, saved)
        await self._touch(tenant.id)
        return saved

    async def save_if_unchanged(self, tenant: Tenant, fact: Observed | None) -> Tenant | None:
        before = await self.lock_tenant(tenant.id)
        if before is None or before.change != tenant.change:
            return None
        # As the real one: the order of the row stays what it is.
        saved = replace(tenant, order=before.order, change=before.change + 1)
        self._tx.write(TENANT_ROWS, tenant.id, saved)
        await self._touch(tenant.id)
        if fact is not None:
            await self.append(fact)
        return saved

    async def version_of(self, tenant_id: str) -> Version | None:
        found = await self.get_tenant(tenant_id)
        return None if found is None else found.version

    async def name_taken(self, namespace: str) -> bool:
        return any(tenant.namespace == namespace for _, tenant in self._tx.rows(TENANT_ROWS))

    async def list_tenants(
        self, scope: Scope, account: str, after: int, limit: int
    ) -> Sequence[Tenant]:
        return [one for one in self._seen(scope, account) if one.number > after][:limit]

    async def changed_within(self, scope: Scope, account: str, seconds: float) -> Sequence[Tenant]:
        since = self._tx.db.now() - seconds
        changed = {key for key, at in self._tx.rows(CHANGED) if at > since}
        return [one for one in self._seen(scope, account) if one.id in changed]

    async def tenants(self, tenant_ids: Sequence[str]) -> Sequence[Tenant]:
        found = [self._tx.get(TENANT_ROWS, key) for key in sorted(set(tenant_ids))]
        return [tenant for tenant in found if tenant is not None]

    async def page(self, after: str, limit: int) -> Sequence[Tenant]:
        found = [
            tenant
            for key, tenant in self._tx.rows(TENANT_ROWS)
            if key > after and not _gone(tenant)
        ]
        return sorted(found, key=lambda tenant: tenant.id)[:limit]

    async def of_organizations(self, names: Sequence[str]) -> Sequence[Tenant]:
        found = [tenant for _, tenant in self._tx.rows(TENANT_ROWS) if not _gone(tenant)]
        mine = [one for one in found if one.order.organization in names and one.order.organization]
        return sorted(mine, key=lambda tenant: tenant.number)

    async def enqueue(self, tenant_ids: Sequence[str], priority: int) -> None:
        await memory_queue.enqueue(self._tx, QUEUE, tenant_ids, priority=priority)

    async def append(self, fact: Observed) -> None:
        await memory_outbox.append(self._tx, [self._codec.fact(fact)])

    async def keep_unknown(self, fact: FactRecord, source: str) -> None:
        await memory_inbox.keep_unknown(self._tx, fact, source)

    async def audit(self, entry: Audited) -> None:
        await self._tx.put(AUDIT, self._tx.db.next("audit"), entry)

    def _seen(self, scope: Scope, account: str) -> list[Tenant]:
        found = [
            tenant
            for _, tenant in self._tx.rows(TENANT_ROWS)
            if scope.admits(tenant.order) and account in ("", tenant.order.account)
        ]
        return sorted(found, key=lambda tenant: tenant.number)

    async def once(self, scope: OnceScope, produce: Callable[[], Awaitable[str]]) -> str:
        if not scope.key:
            return await produce()
        key = (scope.account, scope.actor, scope.rpc, scope.key)
        first = await self._tx.lock(ANSWERS, key)
        if first is None:
            answer = await produce()
            await self._tx.put(ANSWERS, key, (scope.request_hash, answer))
            return answer
        if first[0] != scope.request_hash:
            raise IdempotencyConflict(f"The idempotency key {scope.key!r} was used already.")
        return first[1]

    async def forget_answers(self) -> int:
        """Nothing in memory lives for thirty days."""
        await self._tx.db.step()
        return 0

    async def _touch(self, tenant_id: str) -> None:
        await self._tx.hold(CHANGED, tenant_id)
        self._tx.write(CHANGED, tenant_id, self._tx.db.now())
        after_commit(TENANTS)


def _gone(tenant: Tenant) -> bool:
    seen = tenant.observed_generation == tenant.version.generation
    return tenant.phase is TenantPhase.DELETED and seen


@dataclass
class MemoryCluster:
    """Objects by name. ``calls`` are the requests in their order, as (verb, ref)."""

    slow_deletion: bool = False
    calls: list[tuple[str, Ref]] = field(default_factory=list)
    stored: dict[Ref, dict[str, Any]] = field(default_factory=dict)
    _version: int = 0

    async def get(self, ref: Ref, *, timeout: float, since: str = "") -> Live | None:
        self.calls.append(("get", ref))
        return self.read(ref)

    async def create(self, wanted: JsonObject, *, timeout: float) -> Live:
        ref = ref_of(wanted)
        self.calls.append(("create", ref))
        if ref in self.stored:
            raise ObjectExists(f"{ref.name} stands")
        self._check_namespace(ref)
        content: dict[str, Any] = deepcopy(dict(wanted))
        fields = fields_of(content)
        self._default(content)
        content["metadata"] |= {"uid": f"uid-{self._version + 1}"}
        content["metadata"]["managedFields"] = [managed_entry("Update", fields)]
        return self._put(ref, content)

    async def hand_over(
        self, live: Live, managed_fields: Sequence[Json], *, timeout: float
    ) -> Live:
        self.calls.append(("hand_over", live.ref))
        content = self._pinned(live)
        content["metadata"]["managedFields"] = deepcopy(list(managed_fields))
        return self._put(live.ref, content)

    async def apply(self, wanted: JsonObject, live: Live, *, timeout: float) -> Live:
        self.calls.append(("apply", live.ref))
        content = self._pinned(live)
        entries = content["metadata"].get("managedFields") or []
        fields = fields_of(wanted)
        applied = [one for one in entries if is_ours(one, "Apply")]
        others = [one for one in entries if not is_ours(one, "Apply")]
        for entry in applied:
            kept = [fields, *(one["fieldsV1"] for one in others)]
            prune(content, entry["fieldsV1"], kept)
        merge(content, wanted)
        self._default(content)
        content["metadata"]["managedFields"] = [managed_entry("Apply", fields), *others]
        return self._put(live.ref, content)

    async def strip(self, live: Live, annotations: Sequence[str], *, timeout: float) -> Live:
        self.calls.append(("strip", live.ref))
        content = self._pinned(live)
        for name in annotations:
            if name not in content["metadata"].get("annotations", {}):
                raise ObjectChanged(f"{live.ref.name} has no annotation {name}")
            del content["metadata"]["annotations"][name]
        return self._put(live.ref, content)

    async def change(self, live: Live, patch: JsonObject, *, timeout: float) -> Live:
        self.calls.append(("change", live.ref))
        content = self._pinned(live)
        merge_patch(content, patch)
        return self._put(live.ref, content)

    async def change_spec(self, live: Live, patch: JsonObject, *, timeout: float) -> Live:
        # Nothing here moves a status by itself.
        return await self.change(live, patch, timeout=timeout)

    async def list_in(
        self, api_version: str, kind: str, namespace: str, *, timeout: float
    ) -> Sequence[Live]:
        self.calls.append(("list", Ref(api_version, kind, namespace, "")))
        return [
            live
            for live in self.of_kind(kind)
            if (live.ref.api_version, live.ref.namespace) == (api_version, namespace)
        ]

    async def list_labelled(
        self, api_version: str, kind: str, label: str, value: str, *, timeout: float
    ) -> Sequence[Live]:
        self.calls.append(("list", Ref(api_version, kind, "", "")))
        return [
            live
            for live in self.of_kind(kind)
            if live.ref.api_version == api_version and live.label(label) == value
        ]

    async def delete(self, live: Live, *, timeout: float) -> None:
        self.calls.append(("delete", live.ref))
        if live.ref not in self.stored:
            return
        content = self._pinned(live)
        if live.ref.kind == "Namespace" and self.slow_deletion:
            content["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            self._put(live.ref, content)
        else:
            self.remove(live.ref)

    # What others do: no calls of ours.

    def read(self, ref: Ref) -> Live | None:
        """Return an object as it stands."""
        content = self.stored.get(ref)
        return None if content is None else Live(ref, deepcopy(content))

    def at(self, ref: Ref) -> Live:
        """Return an object that must stand."""
        live = self.read(ref)
        assert live is not None, f"{ref} does not stand"
        return live

    def edit(self, ref: Ref, change: Callable[[dict[str, Any]], None]) -> None:
        """Change an object as somebody with kubectl would."""
        content = deepcopy(self.stored[ref])
        change(content)
        self._put(ref, content)

    def scale(self, ref: Ref, replicas: int) -> None:
        """Set the replicas as the autoscaler does, through its subresource."""
        content = deepcopy(self.stored[ref])
        content["spec"]["replicas"] = replicas
        entry = managed_entry("Update", {"f:spec": {"f:replicas": {}}})
        content["metadata"]["managedFields"].append(
            {**entry, "manager": "autoscaler", "subresource": "scale"}
        )
        self._put(ref, content)

    def remove(self, ref: Ref) -> None:
        """Let an object be gone, a namespace with all that is in it."""
        del self.stored[ref]
        if ref.kind == "Namespace":
            for inner in [one for one in self.stored if one.namespace == ref.name]:
                del self.stored[inner]

    def foreign(self, ref: Ref) -> Live:
        """Let an object of somebody else stand."""
        metadata = {"name": ref.name, "uid": f"foreign-{self._version}"}
        return self._put(
            ref, {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata}
        )

    def of_kind(self, kind: str) -> list[Live]:
        """Return the objects of a kind."""
        return [Live(ref, deepcopy(one)) for ref, one in self.stored.items() if ref.kind == kind]

    def verbs(self) -> list[str]:
        """Return the verbs of the calls."""
        return [verb for verb, _ in self.calls]

    def _check_namespace(self, ref: Ref) -> None:
        if not ref.namespace:
            return
        namespace = self.read(Ref("v1", "Namespace", "", ref.namespace))
        if namespace is None:
            raise ObjectGone(f"there is no namespace {ref.namespace}")
        if namespace.deleting:
            raise NamespaceTerminating(f"namespace {ref.namespace} is going")

    def _pinned(self, live: Live) -> dict[str, Any]:
        content = self.stored.get(live.ref)
        if content is None:
            raise ObjectChanged(f"{live.ref.name} does not stand")
        if content["metadata"]["resourceVersion"] != live.resource_version:
            raise ObjectChanged(f"{live.ref.name} was changed")
        return deepcopy(content)

    def _default(self, content: dict[str, Any]) -> None:
        if content["kind"] == "Deployment":
            content["spec"].setdefault("replicas", 1)
        elif content["kind"] == "NetworkPolicy":
            content |= served(content)

    def _put(self, ref: Ref, content: dict[str, Any]) -> Live:
        self._version += 1
        content["metadata"]["resourceVersion"] = str(self._version)
        self.stored[ref] = content
        return Live(ref, deepcopy(content))
