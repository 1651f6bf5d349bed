"""The provisioner as it is run: its own process, orders over mTLS, PostgreSQL, a cluster."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.sandbox.ca.authority import Authority
from services.chassis.channel import connect
from services.chassis.errors import PermissionDenied, Refusal, Unavailable
from services.chassis.facts import FactRecord, Outcome
from services.chassis.sink import FactSinkClient
from services.provisioner.convert import ORDERED
from services.provisioner.convert.capacity import to_proto_capacity
from tests.integration.postgres_fixture import Database
from tests.integration.provisioner.cluster_fixture import PATIENCE, Plane, write_kubeconfig
from tests.integration.provisioner.process_fixture import ROOT, Running, launch, running, tls_of
from tests.unit.provisioner.world import PROFESSIONAL
from tollgate.provisioner.v1 import provisioner_pb2, provisioner_service_pb2
from tollgate.provisioner.v1.events_pb2 import CapacityObserved
from tollgate.provisioner.v1.provisioner_service_pb2_grpc import ProvisionerServiceStub
from tollgate.subscription.v1 import events_pb2, subscription_pb2

READY = provisioner_pb2.TENANT_PHASE_READY


def ordered(account: str, generation: int = 1, phase: str = "RUNNING") -> FactRecord:
    """Return the fact of an order."""
    message = events_pb2.CapacityOrdered(
        account=account,
        incarnation=1,
        epoch=1,
        generation=generation,
        phase=subscription_pb2.Phase.Value(f"PHASE_{phase}"),
        plan="sessions/professional",
        capacity=to_proto_capacity(PROFESSIONAL),
    )
    message.receive_time.FromDatetime(datetime.now(UTC))
    name = f"{account}-{generation}"
    return FactRecord(
        f"fct_{name}", f"capacity:{account}/1", generation, ORDERED, message.SerializeToString()
    )


async def deliver(found: Running, *facts: FactRecord) -> list[Outcome]:
    """Deliver facts once the process takes them, for as long as it may take to start."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                answers = await FactSinkClient(found.channel, timeout=5).deliver(facts)
                return [answer.outcome for answer in answers]
            except Unavailable:
                assert found.process.exit_code is None, found.process.log
                await asyncio.sleep(0.05)


def is_ready(account: str) -> Callable[[CapacityObserved], bool]:
    """Return what the fact of this account's readiness is known by."""
    return lambda fact: (fact.account, fact.phase) == (account, READY)


async def test_an_order_becomes_a_namespace_and_the_answer_goes_back_up(
    plane: Plane, database: Database, tmp_path: Path
) -> None:
    dsns = await database.service("provisioner")
    async with running(plane, dsns, Authority(tmp_path / "ca")) as found:
        assert await deliver(found, ordered(plane.account(1))) == [Outcome.ACCEPTED]
        fact = await found.subscription.until(lambda one: one.phase == READY)
        assert fact.namespace.startswith("customer-")
        assert fact.generation == 1
        namespace = await plane.api.get(f"/api/v1/namespaces/{fact.namespace}")
        assert namespace["metadata"]["labels"]["tollgate.dev/tenant"] == fact.tenant

        # Somebody deletes the fence; the watch tells, and it stands again.
        path = f"/apis/networking.k8s.io/v1/namespaces/{fact.namespace}/networkpolicies"
        _, gone = await plane.api.call("DELETE", f"{path}/tollgate-default-deny")
        assert gone
        await plane.api.until_there(f"{path}/tollgate-default-deny")

        assert await deliver(found, ordered(plane.account(1), 2, phase="DELETED")) == [
            Outcome.ACCEPTED
        ]
        deleted = provisioner_pb2.TENANT_PHASE_DELETED
        await found.subscription.until(lambda one: one.phase == deleted)
        code, log = await found.stop()
    assert code == 0, log
    assert '"event":"tenant ready"' in log
    assert '"since_received_ms"' in log


async def test_a_killed_process_is_finished_for_by_the_next(
    plane: Plane, database: Database, tmp_path: Path
) -> None:
    dsns = await database.service("provisioner")
    async with running(plane, dsns, Authority(tmp_path / "ca")) as found:
        orders = [ordered(plane.account(n)) for n in range(12)]
        assert set(await deliver(found, *orders)) == {Outcome.ACCEPTED}
        await found.kill()
        await found.start()
        for one in range(12):
            await found.subscription.until(is_ready(plane.account(one)))
    labels = [item["metadata"]["labels"] for item in await plane.namespaces()]
    assert {one["app.kubernetes.io/managed-by"] for one in labels} == {"tollgate"}
    owners = [one["tollgate.dev/account"] for one in labels]
    assert sorted(owners) == sorted(plane.account(one) for one in range(12))


async def test_only_subscription_may_order_and_a_dry_run_changes_nothing(
    plane: Plane, database: Database, tmp_path: Path
) -> None:
    dsns = await database.service("provisioner")
    authority = Authority(tmp_path / "ca")
    async with running(plane, dsns, authority) as found:
        order = events_pb2.CapacityOrdered.FromString(ordered(plane.account(1)).payload)
        stub = ProvisionerServiceStub(found.channel)
        await deliver(found, ordered(plane.account(9)))
        preview = await stub.SetCapacity(
            provisioner_service_pb2.SetCapacityRequest(order=order, validate_only=True)
        )
        create = provisioner_pb2.PlannedChange.ACTION_CREATE
        assert {change.action for change in preview.changes} == {create}
        assert len(preview.changes) == 9
        request = provisioner_service_pb2.ListTenantsRequest()
        listed = await stub.ListTenants(request)
        assert [tenant.account for tenant in listed.tenants] == [plane.account(9)]

        order.ClearField("capacity")
        with pytest.raises(Refusal) as refused:
            await stub.SetCapacity(provisioner_service_pb2.SetCapacityRequest(order=order))
        assert [bad.field for bad in refused.value.fields] == ["capacity"]

        watch = stub.WatchTenants(provisioner_service_pb2.WatchTenantsRequest(), timeout=20)
        ready = False
        async for answer in watch:
            ready = answer.tenant.phase == READY
            if ready:
                break
        assert ready

        address = found.environment["TOLLGATE_INTERNAL_ADDRESS"]
        other = connect(address, server_name="provisioner", tls=tls_of(authority, "pricing"))
        with pytest.raises(PermissionDenied):
            await FactSinkClient(other).deliver([ordered(plane.account(1), 2)])
        await other.close()


async def test_a_missing_kubeconfig_is_said_in_one_sentence(tmp_path: Path) -> None:
    process = await launch(
        {"PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}", "KUBECONFIG": str(tmp_path / "no")}
    )
    code, log = await process.end()
    assert code == 78
    lines = [line for line in log.splitlines() if "KUBECONFIG" in line]
    assert len(lines) == 1


async def test_a_cluster_that_is_away_is_waited_for(
    plane: Plane, database: Database, tmp_path: Path
) -> None:
    dsns = await database.service("provisioner")
    away = write_kubeconfig(tmp_path, "http://127.0.0.1:9", "provisioner")
    async with running(plane, dsns, Authority(tmp_path / "ca"), KUBECONFIG=str(away)) as found:
        await found.process.says("The provisioner waits")
        code, log = await found.stop()
    assert code == 0, log
