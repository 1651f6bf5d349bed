"""The life of a tenant in a Kubernetes API server that enforces our roles."""

from dataclasses import replace

import pytest

from services.chassis.clock import SystemClock
from services.provisioner.domain import OrderedPhase, Tenant, TenantPhase
from services.provisioner.errors import NamespaceTerminating
from services.provisioner.objects import section
from services.provisioner.reconcile import Reconciler
from tests.fakes.provisioner import MemoryCluster, MemoryLease, MemoryView
from tests.integration.provisioner.cluster_fixture import Api, Sandbox
from tests.unit.provisioner.world import PROFESSIONAL, World, order

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


async def life(sandbox: Sandbox, world: World) -> Reconciler:
    """Return a reconciler of this cluster that hears nothing."""
    view = MemoryView(MemoryCluster(), ready=False)
    cluster = await sandbox.connect()
    return Reconciler(world.tx, cluster, view, world.names, world.ids, SystemClock())


async def make(reconciler: Reconciler, world: World, one: Tenant) -> Tenant:
    """Run over a tenant and return it."""
    await reconciler.reconcile(one.id, MemoryLease())
    return world.tenant(one.id)


async def may_list(api: Api, tenant: Tenant) -> bool:
    """Tell whether this user may look into the namespace."""
    code, _ = await api.call("GET", f"/api/v1/namespaces/{tenant.namespace}/pods")
    return code == 200


async def test_a_tenant_is_made_suspended_resumed_and_deleted(sandbox: Sandbox) -> None:
    world = World()
    reconciler, alice = await life(sandbox, world), sandbox.api.as_user("alice")
    tenant = await make(reconciler, world, await world.take(order(owner_subject="alice")))
    assert tenant.phase is TenantPhase.READY
    assert await may_list(alice, tenant)
    deployment = f"/apis/apps/v1/namespaces/{tenant.namespace}/deployments/sessions"
    assert section(await sandbox.api.get(deployment), "spec")["replicas"] == 5
    await sandbox.api.merge(f"{deployment}/scale", {"spec": {"replicas": 12}})

    await world.take(order(2, OrderedPhase.SUSPENDED, owner_subject="alice"))
    assert (await make(reconciler, world, tenant)).phase is TenantPhase.SUSPENDED
    assert not await may_list(alice, tenant)
    assert section(await sandbox.api.get(deployment), "spec")["replicas"] == 0

    await world.take(order(3, owner_subject="alice"))
    assert (await make(reconciler, world, tenant)).phase is TenantPhase.READY
    assert await may_list(alice, tenant)
    assert section(await sandbox.api.get(deployment), "spec")["replicas"] == 12

    await world.take(order(4, OrderedPhase.DELETED, owner_subject="alice"))
    for _ in range(200):
        if (await make(reconciler, world, tenant)).phase is TenantPhase.DELETED:
            break
        await SystemClock().sleep(0.02)
    code, _ = await sandbox.api.call("GET", f"/api/v1/namespaces/{tenant.namespace}")
    assert code == 404


async def test_the_owner_sees_everything_and_changes_nothing_that_is_paid_for(
    sandbox: Sandbox,
) -> None:
    world = World()
    reconciler, alice = await life(sandbox, world), sandbox.api.as_user("alice")
    tenant = await make(reconciler, world, await world.take(order(owner_subject="alice")))
    for method, path in WRITES:
        code, answer = await alice.call(
            method, path.format(ns=tenant.namespace), {}, "application/merge-patch+json"
        )
        assert code == 403, (method, path, answer)
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own"}}
    code, _ = await alice.call("POST", f"/api/v1/namespaces/{tenant.namespace}/configmaps", body)
    assert code == 201


async def test_the_provisioner_can_bind_no_other_role(sandbox: Sandbox) -> None:
    world = World()
    tenant = await make(await life(sandbox, world), world, await world.take(order()))
    group = "rbac.authorization.k8s.io"
    code, answer = await sandbox.api.as_user("provisioner").call(
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


async def test_a_newer_order_prunes_at_a_real_api_server_too(sandbox: Sandbox) -> None:
    world = World()
    reconciler = await life(sandbox, world)
    tenant = await make(reconciler, world, await world.take(order()))
    smaller = replace(PROFESSIONAL, quota={"pods": "10"}, autoscale=None, warm_pool=2)
    await world.take(order(2, capacity=smaller))
    assert (await make(reconciler, world, tenant)).phase is TenantPhase.READY
    path = f"/api/v1/namespaces/{tenant.namespace}/resourcequotas/tollgate-quota"
    assert section(await sandbox.api.get(path), "spec", "hard") == {"pods": "10"}
    path = f"/apis/apps/v1/namespaces/{tenant.namespace}/deployments/sessions"
    assert section(await sandbox.api.get(path), "spec")["replicas"] == 2


async def test_a_namespace_deleted_by_somebody_is_made_again_once_it_is_gone(
    sandbox: Sandbox,
) -> None:
    world = World()
    reconciler = await life(sandbox, world)
    tenant = await make(reconciler, world, await world.take(order()))
    await sandbox.api.call("DELETE", f"/api/v1/namespaces/{tenant.namespace}")
    for _ in range(200):
        try:
            again = await make(reconciler, world, tenant)
            break
        except NamespaceTerminating:
            await SystemClock().sleep(0.02)
    else:
        pytest.fail("it never went")
    assert (again.namespace, again.phase) == (tenant.namespace, TenantPhase.READY)
    assert again.uid != tenant.uid
