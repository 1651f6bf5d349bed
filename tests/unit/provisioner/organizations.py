"""Organizations in memory: the cluster's own part of them, and orders for them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from services.provisioner import naming
from services.provisioner.domain import (
    ContainerLimits,
    Order,
    OrderedPhase,
    OrganizationCapacity,
    Subscribed,
    SubscriptionState,
)
from services.provisioner.objects import Live, Ref, section
from services.provisioner.organization.amounts import read
from services.provisioner.organization.manifests import organization_ref, quota_ref
from tests.fakes.provisioner import MemoryCluster
from tests.unit.provisioner.world import World, order

ORG = "acme"
BEGAN = datetime(2026, 2, 11, 9, 0, tzinfo=UTC)
PRO = OrganizationCapacity(
    quota={
        "cpu": "8",
        "memory": "24Gi",
        "storage": "160Gi",
        "pods": "200",
        "services.loadbalancers": "100",
    },
    overhead_per_project={"cpu": "100m", "memory": "128Mi"},
    burst_ratio="1.0",
    container=ContainerLimits(
        default_limits={"cpu": "500m", "memory": "512Mi"},
        default_requests={"cpu": "100m", "memory": "128Mi"},
    ),
    public_ips=1,
    object_storage_gb=100,
    suspended_quota={"cpu": "500m", "memory": "1Gi", "pods": "10"},
)
SUBSCRIBED = Subscribed(
    subscription="tsub_1",
    state=SubscriptionState.ACTIVE,
    plan_display_name="Pro Pool",
    addons=(("kube-dc/turbo-x1", 1),),
    provider="stripe",
    provider_subscription_id="sub_1Q",
    provider_customer_id="cus_9F",
    begin_time=BEGAN,
)


def org_order(
    generation: int = 1, phase: OrderedPhase = OrderedPhase.RUNNING, **others: Any
) -> Order:
    """Return an order for the organization."""
    others = {"capacity": PRO, "subscription": SUBSCRIBED, "organization": ORG, **others}
    return order(generation, phase, plan=others.pop("plan", "kube-dc/pro-pool"), **others)


def suspended(state: SubscriptionState = SubscriptionState.SUSPENDED) -> Subscribed:
    """Return what is told of a suspended subscription."""
    return replace(SUBSCRIBED, state=state, suspend_time=BEGAN)


def put(cluster: MemoryCluster, ref: Ref, content: Mapping[str, Any], **metadata: Any) -> Live:
    """Let an object of somebody else stand."""
    cluster.foreign(ref)

    def fill(stored: dict[str, Any]) -> None:
        stored.update(content)
        stored["metadata"].update(metadata)
        if ref.namespace:
            stored["metadata"]["namespace"] = ref.namespace

    cluster.edit(ref, fill)
    return cluster.at(ref)


def namespace(cluster: MemoryCluster, name: str, **metadata: Any) -> None:
    """Let a namespace of somebody else stand."""
    put(cluster, Ref("v1", "Namespace", "", name), {}, **metadata)


def project(cluster: MemoryCluster, name: str, organization: str = ORG) -> str:
    """Let a project stand; return its namespace."""
    place = f"{organization}-{name}"
    namespace(
        cluster,
        place,
        labels={naming.PROJECT: ""},
        annotations={naming.PROJECT: f"{organization}/{name}"},
    )
    return place


def organization(cluster: MemoryCluster, name: str = ORG, *projects: str) -> None:
    """Let an organization and its projects stand."""
    namespace(cluster, name)
    put(cluster, organization_ref(name), {"spec": {"email": "a@acme.example"}})
    for one in projects:
        project(cluster, one, name)


def use(world: World, place: str, **used: str) -> None:
    """Let a namespace's quota say what is used there, as the cluster's controller does."""

    def fill(stored: dict[str, Any]) -> None:
        spec = stored["spec"]["hard"]
        known = dict.fromkeys(spec, "0") | stored.get("status", {}).get("used", {})
        named = {name.replace("_", "."): amount for name, amount in used.items()}
        stored["status"] = {"hard": dict(spec), "used": {**known, **named}}

    world.cluster.edit(quota_ref(place), fill)


def hard(world: World, place: str) -> dict[str, int]:
    """Return what a namespace's quota gives, in units."""
    return read(section(world.cluster.at(quota_ref(place)).content, "spec", "hard"))


def total(world: World) -> dict[str, int]:
    """Return what all the quotas give together, in units."""
    found: dict[str, int] = {}
    for live in world.cluster.of_kind("ResourceQuota"):
        for name, amount in read(section(live.content, "spec", "hard")).items():
            found[name] = found.get(name, 0) + amount
    return found


def annotations(world: World, name: str = ORG) -> dict[str, str]:
    """Return what the Organization says of billing, by the names without their prefix."""
    stands = section(world.cluster.at(organization_ref(name)).content, "metadata", "annotations")
    prefix = "billing.kube-dc.com/"
    return {
        key.removeprefix(prefix): str(value)
        for key, value in stands.items()
        if key.startswith(prefix)
    }
