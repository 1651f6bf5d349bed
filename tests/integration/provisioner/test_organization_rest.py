"""Workloads of a canceled organization in a Kubernetes API server with controllers, by our role."""

from typing import Any

from services.provisioner.domain import OrderedPhase, SubscriptionState, Tenant, TenantPhase
from tests.integration.provisioner.cluster_fixture import Api, Plane
from tests.integration.provisioner.organization_fixture import PODS, Organization, eventually
from tests.integration.provisioner.test_organizations import at_work, is_ready, made
from tests.unit.provisioner.organizations import suspended

DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"
STATEFUL_SETS = "/apis/apps/v1/namespaces/{}/statefulsets"
CRON_JOBS = "/apis/batch/v1/namespaces/{}/cronjobs"
SCALERS = "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers"
CANCELED = suspended(SubscriptionState.CANCELED)
TEMPLATE = {
    "metadata": {"labels": {"app": "own"}},
    "spec": {"containers": [{"name": "c", "image": "registry.example/own:1"}]},
}
JOB = {
    "template": {
        "spec": {"restartPolicy": "Never", "containers": TEMPLATE["spec"]["containers"]},  # type: ignore[index] # a literal
    }
}


async def post(api: Api, path: str, name: str, spec: dict[str, Any]) -> str:
    """Make a workload as a person does; return its path."""
    code, told = await api.call("POST", path, {"metadata": {"name": name}, "spec": spec})
    assert code == 201, told
    return f"{path}/{name}"


def scaled(replicas: int) -> dict[str, Any]:
    """Return the spec of a workload."""
    return {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": "own"}},
        "template": TEMPLATE,
    }


class Running:
    """What an organization's project runs."""

    def __init__(self, org: Organization) -> None:
        self.api, self.place = org.api, f"{org.name}-web"
        self.paths: dict[str, str] = {}

    async def start(self) -> None:
        """Start a bit of everything."""
        front = await post(self.api, DEPLOYMENTS.format(self.place), "front", scaled(3))
        scaler = {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "front"},
            "minReplicas": 2,
            "maxReplicas": 5,
        }
        await post(self.api, SCALERS.format(self.place), "front", scaler)
        sets = {**scaled(1), "serviceName": "db"}
        self.paths = {
            "front": front,
            "idle": await post(self.api, DEPLOYMENTS.format(self.place), "idle", scaled(0)),
            "db": await post(self.api, STATEFUL_SETS.format(self.place), "db", sets),
            "report": await post(
                self.api,
                CRON_JOBS.format(self.place),
                "report",
                {"schedule": "0 4 * * *", "jobTemplate": {"spec": JOB}},
            ),
        }
        await eventually(self.pods, wanted=4)

    async def pods(self) -> int:
        """Return how many pods there are."""
        found = await self.api.get(PODS.format(self.place))
        return sum("deletionTimestamp" not in one["metadata"] for one in found["items"])

    async def stands(self) -> dict[str, Any]:
        """Return how much of each is to run."""
        specs = {name: (await self.api.get(path))["spec"] for name, path in self.paths.items()}
        return {
            name: spec["replicas"] if "replicas" in spec else not spec.get("suspend", False)
            for name, spec in specs.items()
        }


AWAKE = {"front": 3, "idle": 0, "db": 1, "report": True}
AT_REST = {"front": 0, "idle": 0, "db": 0, "report": False}


def is_out_of_use(generation: int) -> Any:
    """Tell whether a suspension was made true."""
    return lambda one: one.phase is TenantPhase.SUSPENDED and one.observed_generation == generation


async def test_what_a_canceled_organization_ran_rests_and_comes_back_as_it_was(
    plane: Plane,
) -> None:
    async with at_work(plane, "web") as (work, org):
        tenant: Tenant = await made(work, org)
        running = Running(org)
        await running.start()
        await work.take(org.name, 2, OrderedPhase.SUSPENDED, subscription=suspended())
        await work.until(tenant, is_out_of_use(2))
        assert await running.stands() == AWAKE
        await work.take(org.name, 3, OrderedPhase.SUSPENDED, subscription=CANCELED)
        await work.until(tenant, is_out_of_use(3))
        assert await running.stands() == AT_REST
        assert (await org.says())["subscription"] == "canceled"
        # The autoscaler leaves what is at 0 alone, whatever its minimum is.
        await eventually(running.pods, wanted=0)
        assert await running.stands() == AT_REST
        await work.take(org.name, 4)
        await work.until(tenant, is_ready(4))
        assert await running.stands() == AWAKE
        await eventually(running.pods, wanted=4)
        left = await org.api.get(running.paths["front"])
        assert "billing.kube-dc.com/pre-suspend-replicas" not in str(left["metadata"])


async def test_what_is_made_or_raised_while_canceled_is_put_to_rest_and_wakes_as_it_was_wished(
    plane: Plane,
) -> None:
    async with at_work(plane, "web") as (work, org):
        tenant = await made(work, org)
        running = Running(org)
        await running.start()
        await work.take(org.name, 2, OrderedPhase.SUSPENDED, subscription=CANCELED)
        await work.until(tenant, is_out_of_use(2))
        await eventually(running.pods, wanted=0)
        await org.api.merge(running.paths["front"], {"spec": {"replicas": 2}})
        late = await post(org.api, DEPLOYMENTS.format(running.place), "late", scaled(1))

        async def replicas() -> tuple[int, int]:
            found = [await org.api.get(path) for path in (running.paths["front"], late)]
            return tuple(one["spec"]["replicas"] for one in found)

        await eventually(replicas, wanted=(0, 0))
        await work.take(org.name, 3)
        await work.until(tenant, is_ready(3))
        await eventually(replicas, wanted=(2, 1))


async def test_a_mark_that_appears_on_a_paid_organization_is_heard_of_and_undone(
    plane: Plane,
) -> None:
    async with at_work(plane, "web") as (work, org):
        await made(work, org)
        running = Running(org)
        await running.start()
        late = {
            "metadata": {
                "annotations": {"billing.kube-dc.com/pre-suspend-replicas": "3"},
                "labels": {"tollgate.dev/resting": "true"},
            },
            "spec": {"replicas": 0},
        }
        await org.api.merge(running.paths["front"], late)
        await eventually(running.stands, wanted=AWAKE)
