"""Organizations in a cluster, and a provisioner that hears of them and works on them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from deploy.sandbox.stack.definitions import HNC, KUBE_DC, definitions
from services.chassis.clock import SystemClock
from services.chassis.errors import Refusal, is_transient
from services.provisioner.domain import Order, OrderedPhase, Tenant
from services.provisioner.kube.cache import Heard, ObjectCache
from services.provisioner.kube.client import KubeCluster
from services.provisioner.kube.organizations import OrganizationCache
from services.provisioner.organization.amounts import read
from services.provisioner.organization.settings import BackendChoice, OrganizationSettings
from services.provisioner.organization.ways import Ways
from services.provisioner.reconcile import Reconciler
from tests.fakes.provisioner_views import MemoryLease
from tests.integration.provisioner.cluster_fixture import PATIENCE, Api, Plane
from tests.integration.provisioner.own_world import OwnWorld
from tests.unit.provisioner.organizations import org_order

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
QUOTA = "/api/v1/namespaces/{}/resourcequotas/plan-quota"
LIMITS = "/api/v1/namespaces/{}/limitranges/default-resource-limits"
_PLAN_QUOTA = "metadata.name=plan-quota"
PODS = "/api/v1/namespaces/{}/pods"
_SERVED = {KUBE_DC: "v1/organizations", HNC: "v1alpha2/hierarchicalresourcequotas"}


async def served(api: Api, group: str) -> bool:
    """Tell whether a group's kinds are served."""
    # Of a group that it does not know, a real API server says so in plain words.
    url = f"{api.url}/apis/{group}/{_SERVED[group]}"
    async with api.http.get(url, headers=api.headers) as answer:
        return answer.status == 200


async def install(api: Api, group: str) -> None:
    """Make a group's kinds served."""
    for item in definitions(group):
        code, told = await api.call("POST", CRDS, item)
        assert code in (201, 409), told
    await eventually(lambda: served(api, group), wanted=True)


async def uninstall(api: Api, group: str) -> None:
    """Let a group's kinds be served no more, with everything of them."""
    for item in definitions(group):
        await api.call("DELETE", f"{CRDS}/{item['metadata']['name']}")
    await eventually(lambda: served(api, group), wanted=False)


@dataclass
class Organization:
    """One organization of a test, as its cluster holds it."""

    api: Api
    name: str
    projects: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        """Where the Organization is."""
        return f"/apis/kube-dc.com/v1/namespaces/{self.name}/organizations/{self.name}"

    @property
    def namespaces(self) -> list[str]:
        """Its own namespace and those of its projects."""
        return [self.name, *(f"{self.name}-{project}" for project in self.projects)]

    async def namespace(self, name: str, **metadata: Any) -> None:
        """Make a namespace of others."""
        body = {"metadata": {"name": name, **metadata}}
        code, told = await self.api.call("POST", "/api/v1/namespaces", body)
        assert code in (201, 409), told

    async def make(self, *projects: str) -> None:
        """Make the organization and its projects, as Kube-DC's manager does."""
        await self.namespace(self.name)
        body = {
            "apiVersion": "kube-dc.com/v1",
            "kind": "Organization",
            "metadata": {"name": self.name},
            "spec": {"email": "owner@example.com"},
        }
        code, told = await self.api.call("POST", self.path.rpartition("/")[0], body)
        assert code == 201, told
        for project in projects:
            await self.project(project)

    async def project(self, name: str) -> str:
        """Make a project's namespace."""
        place = f"{self.name}-{name}"
        await self.namespace(
            place,
            labels={"kube-dc.com/project": ""},
            annotations={"kube-dc.com/project": f"{self.name}/{name}"},
        )
        self.projects.append(name)
        return place

    async def says(self) -> dict[str, str]:
        """Return its annotations of billing, without their prefix."""
        found = await self.api.get(self.path)
        prefix = "billing.kube-dc.com/"
        stands = found["metadata"].get("annotations") or {}
        return {
            key.removeprefix(prefix): value
            for key, value in stands.items()
            if key.startswith(prefix)
        }

    async def hard(self, place: str) -> dict[str, int] | None:
        """Return what a namespace's quota gives, in units; None if it has none."""
        code, found = await self.api.call("GET", QUOTA.format(place))
        return read(found["spec"]["hard"]) if code == 200 else None

    async def total(self) -> dict[str, int]:
        """Return what all its quotas give together, at one moment."""
        # One by one, a part that moves between two reads would be counted twice.
        listed = await self.api.get(f"/api/v1/resourcequotas?fieldSelector={_PLAN_QUOTA}")
        found: dict[str, int] = {}
        for quota in listed["items"]:
            if quota["metadata"]["namespace"] in self.namespaces:
                for resource, amount in read(quota["spec"]["hard"]).items():
                    found[resource] = found.get(resource, 0) + amount
        return found

    async def bounded(self, place: str) -> bool:
        """Tell whether a LimitRange of our name bounds a namespace's containers."""
        return (await self.api.call("GET", LIMITS.format(place)))[0] == 200

    async def pod(self, place: str) -> bool:
        """Start a pod that says nothing of what it needs; tell whether it was let in."""
        body = {
            "metadata": {"generateName": "own-"},
            "spec": {"containers": [{"name": "c", "image": "registry.example/own:1"}]},
        }
        code, told = await self.api.call("POST", PODS.format(place), body)
        assert code in (201, 403), told
        return code == 201

    async def running(self) -> int:
        """Return how many pods there are."""
        found = [await self.api.get(PODS.format(place)) for place in self.namespaces]
        return sum(len(one["items"]) for one in found)

    async def unmake(self) -> None:
        """Take it all away, so that a shared cluster is left as it was."""
        if await served(self.api, KUBE_DC):
            await self.api.call("DELETE", self.path)
        for place in self.namespaces:
            await self.api.call("DELETE", f"/api/v1/namespaces/{place}")


@dataclass
class Working:
    """A provisioner with a store in memory that works on everything whenever something is heard."""

    plane: Plane
    world: OwnWorld
    cluster: KubeCluster
    settings: OrganizationSettings
    some: asyncio.Event = field(default_factory=asyncio.Event)
    tenants: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = SystemClock()
        self.cache = ObjectCache(self.cluster, self._hear, clock)
        self.organizations = OrganizationCache(
            self.cluster, lambda _name, _version: self.some.set(), clock, rediscover=0.2
        )
        self.ways = Ways(self.organizations, self.settings, self.world.ways.writes)
        self.reconciler = Reconciler(
            self.world.tx,
            self.cluster,
            self.cache,
            self.world.names,
            self.world.ids,
            clock,
            self.ways,
        )

    def _hear(self, _heard: Heard) -> None:
        self.some.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            again = 1.0
            for tenant in list(self.tenants):
                again = min(again, await self._once(tenant))
            try:
                async with asyncio.timeout(again):
                    await self.some.wait()
            except TimeoutError:
                continue
            # What is heard comes in bursts.
            await asyncio.sleep(0.01)
            self.some.clear()

    async def _once(self, tenant: str) -> float:
        try:
            result = await self.reconciler.reconcile(tenant, MemoryLease())
        except Refusal as refusal:
            if not is_transient(refusal):
                raise
            return 0.1
        return 1.0 if result is None or result.again is None else result.again

    async def take(
        self, name: str, generation: int = 1, phase: OrderedPhase = OrderedPhase.RUNNING, **o: Any
    ) -> Tenant:
        """Take an order of this test's account for an organization."""
        one: Order = org_order(generation, phase, organization=name, **o)
        tenant = await self.world.take(replace(one, account=self.world.account))
        if tenant.id not in self.tenants:
            self.tenants.append(tenant.id)
        self.some.set()
        return tenant

    async def until(
        self, tenant: Tenant, condition: Callable[[Tenant], bool], seconds: float = PATIENCE
    ) -> Tenant:
        """Wait until a tenant is so."""
        async with asyncio.timeout(seconds):
            while not condition(self.world.tenant(tenant.id)):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)
        return self.world.tenant(tenant.id)


@asynccontextmanager
async def working(
    plane: Plane, backend: BackendChoice = BackendChoice.NATIVE
) -> AsyncIterator[Working]:
    """Work until the block ends."""
    settings = OrganizationSettings(backend=backend, pace=0.05)
    found = Working(plane, plane.world(), await plane.connect(), settings)
    async with asyncio.TaskGroup() as tasks:
        loops = (*found.cache.loops(), found.organizations.run(), found.run())
        running = [tasks.create_task(loop) for loop in loops]
        yield found
        for task in running:
            task.cancel()


async def eventually(look: Callable[[], Any], wanted: object, seconds: float = PATIENCE) -> None:
    """Wait until looking, which asks the API, gives what is wanted."""
    seen: object = None
    try:
        async with asyncio.timeout(seconds):
            while (seen := await look()) != wanted:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"it stayed {seen}, not {wanted}") from None
