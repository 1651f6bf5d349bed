"""The verbs of the provisioner: take an order, say what it would change, show tenants."""

from dataclasses import dataclass, replace

from services.chassis import ids as chassis_ids
from services.chassis import paging
from services.chassis.clock import Clock
from services.chassis.ids import Ids
from services.provisioner import lifecycle, orders, plan
from services.provisioner.claiming import CLAIM_PREFIX, free_name
from services.provisioner.domain import (
    NamespaceCapacity,
    Order,
    OrderedPhase,
    Scope,
    Tenant,
    TenantPhase,
)
from services.provisioner.ensure import together
from services.provisioner.errors import CapacityKindUnsupported, UnknownTenant
from services.provisioner.isolation import namespace_ref
from services.provisioner.manifests import Blueprint, blueprint, made
from services.provisioner.naming import Naming
from services.provisioner.objects import Live, Ref
from services.provisioner.organization import preview
from services.provisioner.organization.manifests import is_organization
from services.provisioner.organization.ways import Ways
from services.provisioner.plan import Action, Change
from services.provisioner.ports import AT_ONCE, Audited, Cluster, Store, Transactions, View

_CALL = 5.0


@dataclass(frozen=True, slots=True)
class Preview:
    """What an order would do: the tenant as it would then be, and the cluster's changes."""

    tenant: Tenant
    changes: list[Change]


@dataclass(frozen=True, slots=True)
class Organizations:
    """What is heard of the cluster and of its organizations."""

    view: View
    ways: Ways


def tenant_id(account: str, incarnation: int) -> str:
    """Return the id of an incarnation's tenant; always the same one."""
    return chassis_ids.derived("ten", account, str(incarnation))


async def order_capacity(
    tx: Transactions[Store], names: Naming, ids: Ids, clock: Clock, order: Order, actor: str
) -> Tenant:
    """Take an order and return its tenant; one that is not newer than the order in force changes
    nothing.

    Raises InvalidArgument for an order that can never be taken and IncarnationClosed for one that
    would bring back what was ordered away.
    """
    orders.check(order)
    # Outside the transaction, which may run twice.
    new = _new(order, ids.new(CLAIM_PREFIX), clock)
    entry = _taken(order, new, actor)

    async def work(store: Store) -> Tenant:
        tenant = await store.lock_incarnation(order.account, order.incarnation)
        if tenant is None:
            added = await store.add_tenant(await _named(store, names, new), entry)
            if added is not None:
                return added
            # Somebody else was faster, and has committed.
            tenant = await _locked(store, order)
        if order.version <= tenant.version:
            return tenant
        later = lifecycle.ordered(tenant, order, clock.now())
        tenant = await store.save_tenant(await _named(store, names, later))
        await store.audit(entry)
        await store.enqueue([tenant.id], AT_ONCE)
        return tenant

    # Of an account's first order most likely nothing stands: the INSERT itself will tell.
    if order.version.generation == 1:
        first = _with_first_name(names, new)
        added = await tx.single(lambda store: store.add_tenant(first, entry))
        if added is not None:
            return added
    return await tx.run(work)


async def preview_capacity(
    tx: Transactions[Store],
    names: Naming,
    cluster: Cluster,
    clock: Clock,
    order: Order,
    organizations: Organizations | None = None,
) -> Preview:
    """Tell what an order would change in the cluster as it stands, and change nothing.

    Raises what ``order_capacity`` raises, and the cluster's refusals.
    """
    orders.check(order)

    async def work(store: Store) -> Tenant:
        tenant = await store.get_tenant(tenant_id(order.account, order.incarnation))
        if tenant is None:
            tenant = _new(order, "", clock)
        elif order.version > tenant.version:
            tenant = lifecycle.ordered(tenant, order, clock.now())
        return await _named(store, names, tenant)

    tenant = await tx.run(work)
    if is_organization(tenant):
        return Preview(tenant, await _organization_changes(tenant, cluster, organizations))
    return Preview(tenant, await _changes(tenant, cluster))


async def get_tenant(tx: Transactions[Store], scope: Scope, name: str) -> Tenant:
    """Return a tenant; UnknownTenant also if the caller may not see it."""

    async def work(store: Store) -> Tenant | None:
        return await store.get_tenant(name)

    tenant = await tx.run(work)
    if tenant is None or not scope.admits(tenant.order):
        raise UnknownTenant(f"There is no tenant {name!r}.", metadata={"tenant": name})
    return tenant


async def list_tenants(
    tx: Transactions[Store], scope: Scope, account: str, size: int, token: str
) -> paging.Page[Tenant]:
    """Return a page of the tenants that the caller may see, by number."""
    limit = paging.page_size(size)
    key = paging.from_token(token, int)
    after = int(key[0]) if key else 0

    async def work(store: Store) -> list[Tenant]:
        return list(await store.list_tenants(scope, account, after, limit + 1))

    found = await tx.run(work)
    shown = found[:limit]
    more = len(found) > limit
    return paging.Page(shown, paging.to_token(shown[-1].number) if more else "")


async def _locked(store: Store, order: Order) -> Tenant:
    tenant = await store.lock_incarnation(order.account, order.incarnation)
    if tenant is None:
        raise LookupError(f"the tenant of {order.account} was added and is not there")
    return tenant


async def _named(store: Store, names: Naming, tenant: Tenant) -> Tenant:
    if not _needs_name(tenant):
        return tenant
    name, attempt = await free_name(store, names, tenant.id, tenant.attempt)
    return replace(tenant, namespace=name, attempt=attempt)


def _with_first_name(names: Naming, tenant: Tenant) -> Tenant:
    if not _needs_name(tenant):
        return tenant
    name, attempt = names.candidate(tenant.id, tenant.attempt)
    return replace(tenant, namespace=name, attempt=attempt)


def _needs_name(tenant: Tenant) -> bool:
    wanted = isinstance(tenant.order.capacity, NamespaceCapacity) and not tenant.closed
    return wanted and not tenant.namespace


def _new(order: Order, claim: str, clock: Clock) -> Tenant:
    now = clock.now()
    return Tenant(
        id=tenant_id(order.account, order.incarnation),
        number=0,
        order=order,
        create_time=now,
        update_time=now,
        claim=claim,
    )


def _taken(order: Order, tenant: Tenant, actor: str) -> Audited:
    return Audited(
        actor,
        "set-capacity",
        tenant.id,
        f"order {order.version.epoch}/{order.version.generation}",
        {"phase": order.phase, "plan": order.plan, "account": order.account},
    )


async def _changes(tenant: Tenant, cluster: Cluster) -> list[Change]:
    if tenant.order.phase is OrderedPhase.DELETED:
        return await _deletion(tenant, cluster)
    capacity = made(tenant)
    if capacity is None:
        return []
    desired = blueprint(tenant, capacity)
    # Without a uid nothing that may stand under these names is ours.
    live = await _live(desired, cluster) if tenant.uid else {}
    namespace = live.get(desired.namespace.ref)
    ours = namespace is not None and namespace.uid == tenant.uid
    return plan.changes(desired, live if ours else {})


async def _organization_changes(
    tenant: Tenant, cluster: Cluster, organizations: Organizations | None
) -> list[Change]:
    if organizations is None:
        raise CapacityKindUnsupported("This process was given no organizations.")
    return await preview.changes(tenant, cluster, organizations.view, organizations.ways)


async def _deletion(tenant: Tenant, cluster: Cluster) -> list[Change]:
    if not tenant.uid or tenant.phase is TenantPhase.DELETED:
        return []
    ref = namespace_ref(tenant.namespace)
    live = await cluster.get(ref, timeout=_CALL)
    ours = live is not None and live.uid == tenant.uid
    return [Change(Action.DELETE, ref)] if ours else []


async def _live(desired: Blueprint, cluster: Cluster) -> dict[Ref, Live]:
    found = await together([cluster.get(ref, timeout=_CALL) for ref in plan.refs(desired)])
    return {live.ref: live for live in found if live is not None}
