"""A project's own quota beside the organization's, in an API server that enforces both."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from deploy.sandbox.ca.authority import Authority
from services.chassis.channel import connect
from services.chassis.errors import PermissionDenied, Unavailable
from services.provisioner.domain import Tenant
from services.provisioner.projects.desk import ProjectQuotas
from services.provisioner.projects.quota import Wish
from tests.integration.postgres_fixture import Database
from tests.integration.provisioner.cluster_fixture import PATIENCE, Plane
from tests.integration.provisioner.organization_fixture import QUOTA, eventually
from tests.integration.provisioner.process_fixture import tls_of
from tests.integration.provisioner.test_organization_process import at_work as process
from tests.integration.provisioner.test_organization_process import fact, ordered
from tests.integration.provisioner.test_organizations import at_work, made
from tests.integration.provisioner.test_process import deliver
from tests.unit.provisioner.test_project_quotas import GATEWAY, once
from tollgate.provisioner.v1 import provisioner_pb2
from tollgate.provisioner.v1.provisioner_service_pb2 import (
    DeleteProjectQuotaRequest,
    GetProjectQuotaRequest,
    UpdateProjectQuotaRequest,
)
from tollgate.provisioner.v1.provisioner_service_pb2_grpc import ProvisionerServiceStub

OWN = "/api/v1/namespaces/{}/resourcequotas/project-quota"


async def test_the_smaller_of_both_quotas_wins_and_what_one_may_not_use_the_other_gets(
    plane: Plane,
) -> None:
    async with at_work(plane, "web", "api") as (work, org):
        tenant: Tenant = await made(work, org)
        web, api = (f"{org.name}-{name}" for name in ("web", "api"))
        asked = ProjectQuotas(work.world.tx, work.cluster, work.cache, work.ways, work.world.clock)
        quota = await asked.update(GATEWAY, Wish(org.name, "web", {"pods": "2"}), once("a"))
        assert (quota.set, quota.hard) == (True, {"pods": "2"})
        found = await plane.api.get(OWN.format(web))
        assert found["metadata"]["labels"]["billing.kube-dc.com/per-project"] == "true"

        async def parts() -> tuple[int, bool, int]:
            of_web, of_api = await org.hard(web), await org.hard(api)
            assert of_web is not None
            assert of_api is not None
            return of_web["pods"], of_api["pods"] > 170, (await org.total())["pods"]

        await eventually(parts, wanted=(2, True, 200))

        async def enforced() -> bool:
            stands = await plane.api.get(OWN.format(web))
            return bool(stands.get("status", {}).get("hard", {}).get("pods") == "2")

        await eventually(enforced, wanted=True)
        assert [await org.pod(web) for _ in range(3)] == [True, True, False]
        assert (await asked.get(GATEWAY, org.name, "web")).set
        await asked.delete(GATEWAY, org.name, "web", once("b"))
        assert (await plane.api.call("GET", OWN.format(web)))[0] == 404
        await eventually(lambda: org.pod(web), wanted=True)
        assert work.world.tenant(tenant.id).phase == "READY"


async def test_an_admin_caps_a_project_over_grpc_and_a_kill_forgets_nothing(
    plane: Plane, database: Database, tmp_path: Path
) -> None:
    async with process(plane, database, tmp_path) as (found, org):
        await org.make("web")
        await deliver(found, fact(ordered(plane.account(1), org.name)))
        ready = provisioner_pb2.TENANT_PHASE_READY
        await found.subscription.until(lambda one: one.phase == ready)
        target = f"127.0.0.1:{found.environment['TOLLGATE_INTERNAL_ADDRESS'].rpartition(':')[2]}"
        tls = tls_of(Authority(tmp_path / "ca"), "gateway")
        gateway = connect(target, server_name="provisioner", tls=tls, default_timeout=20.0)
        try:
            stub = ProvisionerServiceStub(gateway)
            request = UpdateProjectQuotaRequest(
                organization=org.name, project="web", hard={"cpu": "2"}, request_id="one"
            )
            told = await stub.UpdateProjectQuota(request)
            assert dict(told.quota.hard) == {"requests.cpu": "2"}
            with pytest.raises(PermissionDenied):
                # Subscription has no business here.
                await ProvisionerServiceStub(found.channel).UpdateProjectQuota(request)
            await found.kill()
            await found.start()
            again = await patiently(lambda: stub.UpdateProjectQuota(request))
            assert again.quota.set
            looked = await stub.GetProjectQuota(
                GetProjectQuotaRequest(organization=org.name, project="web")
            )
            assert dict(looked.quota.hard) == {"requests.cpu": "2"}
            assert looked.quota.limits[0].type == "Container"
            gone = await stub.DeleteProjectQuota(
                DeleteProjectQuotaRequest(organization=org.name, project="web")
            )
            assert not gone.quota.set
        finally:
            await gateway.close()
        await plane.api.get(QUOTA.format(f"{org.name}-web"))


async def patiently(call: Any) -> Any:
    """Ask until the process has heard of the cluster."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await call()
            except Unavailable:
                await asyncio.sleep(0.05)
