"""The provisioner, as its own service account on a real control plane, with what `deploy/` ships.

It lives a tenant's whole life. The API server's audit log then says what it asked for: a request
that was forbidden means that the role lacks something, a grant that no request used means that the
role gives away too much.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from deploy.sandbox.ca.authority import Authority
from services.chassis.facts import FactRecord, Outcome
from services.chassis.ids import RandomIds
from services.provisioner.convert import ORDERED
from services.provisioner.convert.capacity import to_proto_capacity
from services.provisioner.domain import ContainerLimits, NamespaceCapacity
from tests.cluster import service_account
from tests.cluster.api import Api, wait_for
from tests.integration.postgres_fixture import Database
from tests.integration.provisioner.cluster_fixture import Sandbox
from tests.integration.provisioner.process_fixture import Running, running
from tests.integration.provisioner.test_process import deliver
from tests.unit.provisioner.world import PROFESSIONAL
from tollgate.provisioner.v1 import provisioner_pb2
from tollgate.provisioner.v1.events_pb2 import CapacityObserved
from tollgate.subscription.v1 import events_pb2, subscription_pb2

FENCES = "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies/tollgate-default-deny"
QUOTA = "/api/v1/namespaces/{}/resourcequotas/tollgate-quota"
OWNER = "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings"
BARE = replace(
    PROFESSIONAL, container=ContainerLimits(), autoscale=None, workload=None, warm_pool=0
)


@dataclass(frozen=True)
class Account:
    """Where the provisioner finds its cluster: all that its fixture asks of one."""

    kubeconfig: Path


@dataclass
class Life:
    """One tenant of a running provisioner."""

    found: Running
    api: Api
    account: str
    generation: int = 0

    async def order(self, phase: str, capacity: NamespaceCapacity = PROFESSIONAL) -> str:
        """Order a phase, wait until it is observed; the namespace."""
        self.generation += 1
        message = events_pb2.CapacityOrdered(
            account=self.account,
            incarnation=1,
            epoch=1,
            generation=self.generation,
            phase=subscription_pb2.Phase.Value(f"PHASE_{phase}"),
            plan="sessions/professional",
            capacity=to_proto_capacity(capacity),
            owner_subject="alice",
        )
        message.receive_time.FromDatetime(datetime.now(UTC))
        key, text = f"{self.account}-{self.generation}", f"capacity:{self.account}/1"
        payload = message.SerializeToString()
        fact = FactRecord(f"fct_{key}", text, self.generation, ORDERED, payload)
        assert await deliver(self.found, fact) == [Outcome.ACCEPTED]
        word = "READY" if phase == "RUNNING" else phase
        wanted = provisioner_pb2.TenantPhase.Value(f"TENANT_PHASE_{word}")

        def observed(one: CapacityObserved) -> bool:
            return (one.account, one.generation, one.phase) == (
                self.account,
                self.generation,
                wanted,
            )

        return (await self.found.subscription.until(observed)).namespace

    def has(self, path: str) -> bool:
        """Whether an object stands."""
        return self.api.call("GET", path)[0] == 200


@asynccontextmanager
async def provisioned(
    api: Api, kubeconfig: Path, database: Database, folder: Path
) -> AsyncIterator[Life]:
    """Run the provisioner with a token of its own account."""
    service_account.install(api)
    own = service_account.token_kubeconfig(api, kubeconfig, folder / "own")
    dsns = await database.service("provisioner")
    # The fixture reads only where the kubeconfig is.
    cluster = cast("Sandbox", Account(own))
    async with running(cluster, dsns, Authority(folder / "ca")) as found:
        yield Life(found, api, RandomIds().new("acc"))
        code, log = await found.stop()
        assert code == 0, log


def audit_of(kubeconfig: Path) -> Path:
    """The audit log of a control plane that `tests.cluster` started."""
    found = kubeconfig.parent / "log" / "audit.log"
    if not found.exists():
        pytest.skip("this control plane keeps no audit log: it was not started by tests.cluster")
    return found


def missing(events: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """What the role grants and nothing used."""
    return service_account.granted() - service_account.used(events)


async def test_its_role_is_enough_for_a_tenants_life_and_grants_nothing_else(
    api: Api, kubeconfig: Path, database: Database, tmp_path: Path
) -> None:
    log = audit_of(kubeconfig)
    begin = log.stat().st_size
    async with provisioned(api, kubeconfig, database, tmp_path) as life:
        namespace = await life.order("RUNNING")
        assert api.call("DELETE", FENCES.format(namespace))[0] == 200
        assert api.call("DELETE", QUOTA.format(namespace))[0] == 200
        for path in (FENCES.format(namespace), QUOTA.format(namespace)):
            wait_for(path, lambda path=path: life.has(path), lambda: None, 15)  # type: ignore[misc] # bound now
        await life.order("SUSPENDED")
        _, bindings = api.call("GET", OWNER.format(namespace))
        assert bindings["items"] == []
        await life.order("RUNNING", replace(PROFESSIONAL, quota={"pods": "60"}))
        await life.order("RUNNING", BARE)
        await life.order("DELETED")
        assert not life.has(f"/api/v1/namespaces/{namespace}")
    events = service_account.audited(log, begin)
    assert service_account.refused(events) == []
    assert missing(events) == set()


async def test_it_may_neither_read_secrets_nor_lend_more_than_the_owners_role(
    api: Api, kubeconfig: Path, tmp_path: Path
) -> None:
    service_account.install(api)
    own = Api(service_account.token_kubeconfig(api, kubeconfig, tmp_path / "own"))
    group = "rbac.authorization.k8s.io"

    def binding(role: str) -> dict[str, Any]:
        return {
            "metadata": {"generateName": "lent-"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": group, "kind": "User", "name": "mallory"}],
        }

    path = f"/apis/{group}/v1/namespaces/default/rolebindings?dryRun=All"
    allowed, told = own.call("POST", path, binding("tollgate-tenant-owner"))
    assert allowed == 201, told
    assert own.call("POST", path, binding("edit"))[0] == 403
    assert own.call("POST", path, binding("cluster-admin"))[0] == 403
    assert own.call("GET", "/api/v1/secrets")[0] == 403
    assert own.call("POST", "/api/v1/namespaces/default/pods", {})[0] == 403
