"""The life of a tenant in a Kubernetes API server that enforces our roles."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from services.chassis.clock import SystemClock
from services.provisioner.domain import OrderedPhase, Tenant, TenantPhase
from services.provisioner.errors import NamespaceTerminating
from services.provisioner.objects import section
from services.provisioner.reconcile import Reconciler
from tests.fakes.provisioner import MemoryCluster
from tests.fakes.provisioner_views import MemoryLease, MemoryView
from tests.integration.provisioner.cluster_fixture import Api, Plane
from tests.unit.provisioner.world import PROFESSIONAL, World

_PATIENCE = 30.0
WRITES = [
    ("POST", "/api/v1/namespaces/{ns}/pods"),
    ("DELETE", "/api/v1/namespaces/{ns}/pods/any"),
    ("PATCH", "/api/v1/namespaces/{ns}/pods/any"),
    ("POST", "/api/v1/namespaces/{ns}/pods/any/exec"),
    ("POST", "/apis/networking.k8s.io/v1/namespaces/{ns}/networkpolicies"),
    ("DELETE", "/apis/networking.k8s.io/v1/namespaces/{ns}/networkpolicies/tollgate-default-deny"),
    ("PATCH", "/api/v1/namespaces/{ns}/resourcequotas/tollgate-quota"),
    ("PATCH", "/apis/apps/v1/namespaces/{ns}/deployments/sessions"),
    ("PATCH", "/apis/apps/v1/namespaces/{ns}/deployments/sessions/scale"),
    ("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/rolebindings"),
    ("GET", "/api/v1/namespaces/{ns}/secrets"),
]


async def life(plane: Plane, world: World) -> Reconciler:
    """Return a reconciler of this cluster that hears nothing."""
    view = MemoryView(MemoryCluster(), ready=False)
    cluster = await plane.connect()
    return Reconciler(world.tx, cluster, view, world.names, world.ids, SystemClock())


async def make(reconciler: Reconciler, world: World, one: Tenant) -> Tenant:
    """Run over a tenant and return it."""
    await reconciler.reconcile(one.id, MemoryLease())
    return world.tenant(one.id)


async def until_so(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what a real API server hears of a moment later."""
    async with asyncio.timeout(_PATIENCE):
        while not await condition():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


async def may_list(api: Api, tenant: Tenant) -> bool:
    """Tell whether this user may look into the namespace."""
    code, _ = await api.call("GET", f"/api/v1/namespaces/{tenant.namespace}/pods")
    return code == 200


async def may_not_list(api: Api, tenant: Tenant) -> bool:
    """Tell whether this user may no longer look into it."""
    return not await may_list(api, tenant)


async def test_a_tenant_is_made_suspended_resumed_and_deleted(plane: Plane) -> None:
    world = plane.world()
    reconciler, alice = await life(plane, world), plane.api.as_user("alice")
    tenant = await make(reconciler, world, await world.take(world.order(owner_subject="alice")))
    assert tenant.phase is TenantPhase.READY
    await until_so(lambda: may_list(alice, tenant))
    deployment = f"/apis/apps/v1/namespaces/{tenant.namespace}/deployments/sessions"
    assert section(await plane.api.get(deployment), "spec")["replicas"] == 5
    await plane.api.merge(f"{deployment}/scale", {"spec": {"replicas": 12}})

    await world.take(world.order(2, OrderedPhase.SUSPENDED, owner_subject="alice"))
    assert (await make(reconciler, world, tenant)).phase is TenantPhase.SUSPENDED
    await until_so(lambda: may_not_list(alice, tenant))
    assert section(await plane.api.get(deployment), "spec")["replicas"] == 0

    await world.take(world.order(3, owner_subject="alice"))
    assert (await make(reconciler, world, tenant)).phase is TenantPhase.READY
    await until_so(lambda: may_list(alice, tenant))
    assert section(await plane.api.get(deployment), "spec")["replicas"] == 12

    await world.take(world.order(4, OrderedPhase.DELETED, owner_subject="alice"))

    async def deleted() -> bool:
        return (await make(reconciler, world, tenant)).phase is TenantPhase.DELETED

    await until_so(deleted)
    code, _ = await plane.api.call("GET", f"/api/v1/namespaces/{tenant.namespace}")
    assert code == 404


async def test_the_owner_sees_everything_and_changes_nothing_that_is_paid_for(
    plane: Plane,
) -> None:
    world = plane.world()
    reconciler, alice = await life(plane, world), plane.api.as_user("alice")
    tenant = await make(reconciler, world, await world.take(world.order(owner_subject="alice")))
    await until_so(lambda: may_list(alice, tenant))
    for method, path in WRITES:
        code, answer = await alice.call(
            method, path.format(ns=tenant.namespace), {}, "application/merge-patch+json"
        )
        assert code == 403, (method, path, answer)
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own"}}
    code, _ = await alice.call("POST", f"/api/v1/namespaces/{tenant.namespace}/configmaps", body)
    assert code == 201


async def test_the_provisioner_can_bind_no_other_role(plane: Plane) -> None:
    world = plane.world()
    tenant = await make(await life(plane, world), world, await world.take(world.order()))
    group = "rbac.authorization.k8s.io"
    code, answer = await plane.api.as_user("provisioner").call(
        "POST",
        f"/apis/{group}/v1/namespaces/{tenant.namespace}/rolebindings",
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "mine"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"apiGroup": group, "kind": "User", "name": "mallory"}],
        },
    )
    assert code == 403, answer


async def test_a_newer_order_prunes_at_a_real_api_server_too(plane: Plane) -> None:
    world = plane.world()
    reconciler = await life(plane, world)
    tenant = await make(reconciler, world, await world.take(world.order()))
    smaller = replace(PROFESSIONAL, quota={"pods": "10"}, autoscale=None, warm_pool=2)
    await world.take(world.order(2, capacity=smaller))
    assert (await make(reconciler, world, tenant)).phase is TenantPhase.READY
    path = f"/api/v1/namespaces/{tenant.namespace}/resourcequotas/tollgate-quota"
    assert section(await plane.api.get(path), "spec", "hard") == {"pods": "10"}
    path = f"/apis/apps/v1/namespaces/{tenant.namespace}/deployments/sessions"
    assert section(await plane.api.get(path), "spec")["replicas"] == 2


async def test_a_namespace_deleted_by_somebody_is_made_again_once_it_is_gone(
    plane: Plane,
) -> None:
    world = plane.world()
    reconciler = await life(plane, world)
    tenant = await make(reconciler, world, await world.take(world.order()))
    await plane.api.call("DELETE", f"/api/v1/namespaces/{tenant.namespace}")

    async def made_again() -> bool:
        try:
            await make(reconciler, world, tenant)
        except NamespaceTerminating:
            return False
        return True

    await until_so(made_again)
    again = world.tenant(tenant.id)
    assert (again.namespace, again.phase) == (tenant.namespace, TenantPhase.READY)
    assert again.uid != tenant.uid
