"""The provisioner, as its own service account on a real control plane, with what `deploy/` ships.

It lives a tenant's whole life, and an organization's over both kinds of quota. The API server's
audit log then says what it asked for: a request that was forbidden means that the role lacks
something, a grant that no request used means that the role gives away too much.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.sandbox.ca.authority import Authority
from deploy.sandbox.stack.definitions import KUBE_DC, definitions
from services.chassis.facts import FactRecord, Outcome
from services.chassis.ids import RandomIds
from services.provisioner.convert import ORDERED
from services.provisioner.convert.capacity import to_proto_capacity
from services.provisioner.convert.subscribed import to_proto_subscribed
from services.provisioner.domain import (
    Capacity,
    ContainerLimits,
    Subscribed,
    SubscriptionState,
)
from tests.cluster import service_account
from tests.cluster.api import Api, wait_for
from tests.integration.postgres_fixture import Database
from tests.integration.provisioner.process_fixture import Running, running
from tests.integration.provisioner.test_process import deliver
from tests.unit.provisioner.organizations import PRO, suspended
from tests.unit.provisioner.world import PROFESSIONAL
from tollgate.provisioner.v1 import provisioner_pb2
from tollgate.provisioner.v1.events_pb2 import CapacityObserved
from tollgate.subscription.v1 import events_pb2, subscription_pb2

FENCES = "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies/tollgate-default-deny"
QUOTA = "/api/v1/namespaces/{}/resourcequotas/tollgate-quota"
PLAN_QUOTA = "/api/v1/namespaces/{}/resourcequotas/plan-quota"
HIERARCHICAL = "/apis/hnc.x-k8s.io/v1alpha2/namespaces/{}/hierarchicalresourcequotas/plan-quota"
ORGANIZATIONS = "/apis/kube-dc.com/v1/organizations"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
OWNER = "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings"
CANCELED = suspended(SubscriptionState.CANCELED)
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
    organization: str = ""

    async def order(
        self, phase: str, capacity: Capacity = PROFESSIONAL, told: Subscribed | None = None
    ) -> str:
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
            organization=self.organization,
            subscription=None if told is None else to_proto_subscribed(told),
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


@contextmanager
def kube_dc(api: Api, name: str) -> Iterator[None]:
    """Let an organization with a project stand, as Kube-DC's manager makes them."""
    for item in definitions(KUBE_DC):
        assert api.call("POST", CRDS, item)[0] in (201, 409)
    wait_for("Kube-DC's kinds", lambda: api.call("GET", ORGANIZATIONS)[0] == 200, lambda: None, 15)
    project = {
        "labels": {"kube-dc.com/project": ""},
        "annotations": {"kube-dc.com/project": f"{name}/web"},
    }
    places: dict[str, dict[str, Any]] = {name: {}, f"{name}-web": project}
    for place, more in places.items():
        made = api.call("POST", "/api/v1/namespaces", {"metadata": {"name": place, **more}})
        assert made[0] == 201
    body = {
        "apiVersion": "kube-dc.com/v1",
        "kind": "Organization",
        "metadata": {"name": name},
        "spec": {"email": "owner@example.com"},
    }
    collection = f"/apis/kube-dc.com/v1/namespaces/{name}/organizations"
    assert api.call("POST", collection, body)[0] == 201
    yield
    api.call("DELETE", f"{collection}/{name}")
    for place in places:
        api.call("DELETE", f"/api/v1/namespaces/{place}")


async def canceled_and_paid_again(life: Life) -> None:
    """Let what an organization runs be put to rest, and be woken."""
    place = f"{life.organization}-web"
    container = {"name": "c", "image": "registry.example/own:1"}
    template = {"metadata": {"labels": {"app": "own"}}, "spec": {"containers": [container]}}
    scaled = {"replicas": 2, "selector": {"matchLabels": {"app": "own"}}, "template": template}
    job = {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
    timed = {"schedule": "0 4 * * *", "jobTemplate": {"spec": job}}
    made = {
        f"/apis/apps/v1/namespaces/{place}/deployments": scaled,
        f"/apis/apps/v1/namespaces/{place}/statefulsets": {**scaled, "serviceName": "own"},
        f"/apis/batch/v1/namespaces/{place}/cronjobs": timed,
    }
    for collection, spec in made.items():
        body = {"metadata": {"name": "own"}, "spec": spec}
        assert life.api.call("POST", collection, body)[0] == 201

    def stands() -> list[object]:
        specs = [life.api.call("GET", f"{path}/own")[1]["spec"] for path in made]
        return [spec.get("replicas", spec.get("suspend", False)) for spec in specs]

    await life.order("SUSPENDED", PRO, CANCELED)
    assert stands() == [0, 0, True]
    await life.order("RUNNING", PRO)
    assert stands() == [2, 2, False]


async def organizations_life(life: Life) -> None:
    """Live an organization's life: divided quotas first, then one that is hierarchical."""
    named = life.organization
    divided, whole = PLAN_QUOTA.format(f"{named}-web"), HIERARCHICAL.format(named)
    await life.order("RUNNING", PRO)
    path = f"/apis/kube-dc.com/v1/namespaces/{named}/organizations/{named}"
    stray = "billing.kube-dc.com/suspended-at"

    def astray() -> bool:
        _, found = life.api.call("GET", path)
        found["metadata"]["annotations"][stray] = "never"
        return life.api.call("PUT", path, found)[0] == 200

    wait_for("An edit", astray, lambda: None, 15)
    wait_for("Its repair", lambda: stray not in str(life.api.call("GET", path)), lambda: None, 15)
    assert life.has(divided)
    await canceled_and_paid_again(life)
    assert (await life.found.stop())[0] == 0
    life.found.environment["TOLLGATE_ORG_QUOTA_BACKEND"] = "auto"
    await life.found.start()
    wait_for(whole, lambda: life.has(whole), lambda: None, 30)
    wait_for(divided, lambda: not life.has(divided), lambda: None, 15)
    await life.order("RUNNING", replace(PRO, quota={**PRO.quota, "pods": "60"}))
    await life.order("DELETED", PRO)
    assert not life.has(whole)


@asynccontextmanager
async def provisioned(
    api: Api, kubeconfig: Path, database: Database, folder: Path, **settings: str
) -> AsyncIterator[Life]:
    """Run the provisioner with a token of its own account."""
    service_account.install(api)
    own = service_account.token_kubeconfig(api, kubeconfig, folder / "own")
    dsns = await database.service("provisioner")
    async with running(Account(own), dsns, Authority(folder / "ca"), **settings) as found:
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
    settings = {
        "TOLLGATE_ORG_QUOTA_BACKEND": "native",
        "TOLLGATE_ORG_REDISCOVER": "1",
        "TOLLGATE_PLANS_CONFIGMAP": service_account.PLANS,
        # Nobody listens there: what is told waits.
        "TOLLGATE_PRICING_TARGET": "127.0.0.1:9",
    }
    async with provisioned(api, kubeconfig, database, tmp_path, **settings) as life:
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
        account = RandomIds().new("acc")
        organization = Life(life.found, api, account, organization=account.replace("_", "-"))
        with kube_dc(api, organization.organization):
            await organizations_life(organization)
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
    maps, one = "/api/v1/namespaces/kube-dc/configmaps", "fieldSelector=metadata.name%3D"
    assert own.call("GET", f"{maps}?{one}billing-plans")[0] == 200
    assert own.call("GET", maps)[0] == 403
    assert own.call("GET", f"{maps}?{one}another")[0] == 403
    assert own.call("GET", f"{maps}/another")[0] == 403
    assert own.call("DELETE", f"{maps}/billing-plans")[0] == 403
    assert own.call("POST", "/api/v1/namespaces/default/pods", {})[0] == 403
