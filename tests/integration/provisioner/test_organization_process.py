"""The provisioner's process and an organization: killed on the way, and asked about it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.sandbox.ca.authority import Authority
from deploy.sandbox.stack.definitions import KUBE_DC
from services.chassis.errors import NotFound, Refusal, Unavailable
from services.chassis.facts import FactRecord, Outcome
from services.provisioner.convert import ORDERED
from services.provisioner.convert.capacity import to_proto_capacity
from services.provisioner.convert.subscribed import to_proto_subscribed
from services.provisioner.domain import OrganizationCapacity
from services.provisioner.organization import hard
from services.provisioner.organization.settings import OrganizationSettings
from tests.integration.postgres_fixture import Database
from tests.integration.provisioner.cluster_fixture import PATIENCE, Plane
from tests.integration.provisioner.organization_fixture import (
    Organization,
    eventually,
    install,
)
from tests.integration.provisioner.process_fixture import Running, running
from tests.integration.provisioner.test_process import deliver
from tests.unit.provisioner.organizations import PRO, SUBSCRIBED
from tollgate.provisioner.v1 import provisioner_pb2 as pb
from tollgate.provisioner.v1.events_pb2 import CapacityObserved
from tollgate.provisioner.v1.provisioner_service_pb2 import (
    GetOrganizationQuotaRequest,
    SetCapacityRequest,
)
from tollgate.provisioner.v1.provisioner_service_pb2_grpc import ProvisionerServiceStub
from tollgate.subscription.v1 import events_pb2, subscription_pb2


def ordered(
    account: str, organization: str, generation: int = 1, capacity: OrganizationCapacity = PRO
) -> events_pb2.CapacityOrdered:
    """Return an order for an organization."""
    return events_pb2.CapacityOrdered(
        account=account,
        incarnation=1,
        epoch=1,
        generation=generation,
        phase=subscription_pb2.PHASE_RUNNING,
        plan="kube-dc/pro-pool",
        capacity=to_proto_capacity(capacity),
        organization=organization,
        subscription=to_proto_subscribed(SUBSCRIBED),
    )


def fact(message: events_pb2.CapacityOrdered) -> FactRecord:
    """Return the fact of an order."""
    key = f"{message.account}-{message.generation}"
    text = f"capacity:{message.account}/1"
    return FactRecord(f"fct_{key}", text, message.generation, ORDERED, message.SerializeToString())


@asynccontextmanager
async def at_work(
    plane: Plane, database: Database, folder: Path
) -> AsyncIterator[tuple[Running, Organization]]:
    """A process, and an organization that does not stand yet."""
    await install(plane.api, KUBE_DC)
    org = Organization(plane.api, f"org-{plane.token}")
    dsns = await database.service("provisioner")
    settings = {"TOLLGATE_ORG_QUOTA_BACKEND": "native", "TOLLGATE_ORG_PACE": "0.1"}
    try:
        async with running(plane, dsns, Authority(folder / "ca"), **settings) as found:
            yield found, org
    finally:
        await org.unmake()


async def test_a_kill_on_the_way_is_made_good_and_the_organization_may_come_late(
    plane: Plane, database: Database, tmp_path: Path
) -> None:
    async with at_work(plane, database, tmp_path) as (found, org):
        account = plane.account(1)
        assert await deliver(found, fact(ordered(account, org.name))) == [Outcome.ACCEPTED]
        told = await found.subscription.until(lambda one: one.reason != "")
        assert (told.reason, told.phase) == (
            "ORGANIZATION_NOT_FOUND",
            pb.TENANT_PHASE_PROGRESSING,
        )
        await org.make("web", "api")
        # As soon as the first of its objects stands.
        await plane.api.until_there(f"/api/v1/namespaces/{org.name}/resourcequotas/plan-quota")
        await found.kill()
        await found.start()
        larger = hard.running(PRO, 2, OrganizationSettings())
        await eventually(org.total, wanted=larger)

        def is_ready(one: CapacityObserved) -> bool:
            return one.phase == pb.TENANT_PHASE_READY

        ready = await found.subscription.until(is_ready)
        assert (ready.namespace, ready.capacity.organization.quota["pods"]) == (org.name, "200")
        assert {one.type: one.status for one in ready.conditions}["Annotated"] == "True"
        place = await org.project("late")
        await plane.api.until_there(f"/api/v1/namespaces/{place}/resourcequotas/plan-quota")


async def quota_of(found: Running, name: str) -> pb.OrganizationQuota:
    """Ask for a quota, as long as it takes the process to hear of the cluster."""
    stub = ProvisionerServiceStub(found.channel)
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                answer = await stub.GetOrganizationQuota(
                    GetOrganizationQuotaRequest(organization=name)
                )
            except Unavailable:
                await asyncio.sleep(0.05)
            else:
                return answer.quota


async def test_it_tells_what_an_organization_may_use_and_uses(
    plane: Plane, database: Database, tmp_path: Path
) -> None:
    async with at_work(plane, database, tmp_path) as (found, org):
        await org.make("web")
        message = ordered(plane.account(1), org.name)
        await deliver(found, fact(message))
        await found.subscription.until(lambda one: one.phase == pb.TENANT_PHASE_READY)
        web = f"{org.name}-web"
        for _ in range(2):
            await eventually(lambda: org.pod(web), wanted=True)

        async def used() -> tuple[str, str]:
            found_quota = await quota_of(found, org.name)
            return found_quota.used["pods"], found_quota.used["cpu"]

        await eventually(used, wanted=("2", "200m"))
        quota = await quota_of(found, org.name)
        assert quota.backend == pb.OrganizationQuota.BACKEND_NATIVE
        assert dict(quota.limits) == PRO.quota
        assert (quota.hard["requests.cpu"], quota.public_ips_limit) == ("8100m", 1)
        assert (quota.enforced, quota.limit_range, quota.limit_range_managed) == (True,) * 3
        (project,) = quota.projects
        assert (project.namespace, project.project, project.used["pods"]) == (web, "web", "2")
        with pytest.raises(Refusal) as refused:
            await quota_of(found, "nobody")
        assert isinstance(refused.value, NotFound)


async def test_what_an_order_would_change_is_told_beforehand(
    plane: Plane, database: Database, tmp_path: Path
) -> None:
    async with at_work(plane, database, tmp_path) as (found, org):
        await org.make("web")
        message = ordered(plane.account(1), org.name)
        await deliver(found, fact(message))
        await found.subscription.until(lambda one: one.phase == pb.TENANT_PHASE_READY)
        message.generation = 2
        message.capacity.organization.quota["pods"] = "900"
        stub = ProvisionerServiceStub(found.channel)
        answer = await stub.SetCapacity(SetCapacityRequest(order=message, validate_only=True))
        told = [(one.action, one.kind, one.namespace) for one in answer.changes]
        update = pb.PlannedChange.ACTION_UPDATE
        assert (update, "ResourceQuota", f"{org.name}-web") in told
        assert (update, "Organization", org.name) in told
        assert answer.tenant.observed_generation == 1
        assert (await org.total())["pods"] == 200
