"""Fences that others opened are exactly as ordered again, on every cluster behind the port."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from services.chassis.clock import SystemClock
from services.provisioner import naming
from services.provisioner.domain import Json
from services.provisioner.ensure import Hand
from services.provisioner.manifests import Blueprint, Part, blueprint
from services.provisioner.objects import Live, section
from services.provisioner.ports import Cluster
from tests.contract.kubernetes.implementations import SANDBOX, implementations
from tests.fakes.memory_apply import merge_patch
from tests.fakes.provisioner import MemoryCluster
from tests.fakes.provisioner_views import MemoryLease
from tests.integration.provisioner.cluster_fixture import Api, running_plane
from tests.integration.provisioner.own_world import OwnWorld
from tests.unit.provisioner.world import PROFESSIONAL

TIME = 5.0
PATHS = {
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies/{}",
    "ResourceQuota": "/api/v1/namespaces/{}/resourcequotas/{}",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings/{}",
    "Namespace": "/api/v1/namespaces/{1}",
}
GROUP = "rbac.authorization.k8s.io"
ENFORCED = "pod-security.kubernetes.io/enforce-version"
BOTH = [{"apiGroup": GROUP, "kind": "User", "name": name} for name in ("owner", "mallory")]
ANY = {"ipBlock": {"cidr": "0.0.0.0/0"}}
PRIORITY = {"scopeName": "PriorityClass", "operator": "Exists"}
GAPS: dict[str, tuple[str, dict[str, Any]]] = {
    "lets all in": (naming.DENY_ALL, {"spec": {"ingress": [{}]}}),
    "lets all out": (naming.DENY_ALL, {"spec": {"egress": [{}]}}),
    "egress unchecked": (naming.DENY_ALL, {"spec": {"policyTypes": ["Ingress"]}}),
    "types of the server": (naming.DENY_ALL, {"spec": {"policyTypes": None}}),
    "some pods": (naming.DENY_ALL, {"spec": {"podSelector": {"matchLabels": {"tier": "web"}}}}),
    "one more way out": (naming.ALLOW_DNS, {"spec": {"egress": [{"to": [ANY]}]}}),
    "in beside dns": (
        naming.ALLOW_DNS,
        {"spec": {"ingress": [{}], "policyTypes": ["Egress", "Ingress"]}},
    ),
    "from anywhere": (naming.ALLOW_INSIDE, {"spec": {"ingress": [{"from": [ANY]}]}}),
    "one more enters": (naming.OWNER_BINDING, {"subjects": BOTH}),
    "an older restricted": ("", {"metadata": {"labels": {ENFORCED: "v1.0"}}}),
}
OF_QUOTAS = {
    "some pods only": {"scopeSelector": {"matchExpressions": [PRIORITY]}},
    "a scope": {"scopes": ["NotTerminating"]},
}


@dataclass
class Place:
    """A tenant's objects in a cluster of some kind; ``api`` None for the one in memory."""

    cluster: Cluster
    api: Api | None
    world: OwnWorld

    async def make(self) -> tuple[Hand, Blueprint]:
        """Make all objects of a tenant."""
        tenant = await self.world.take(self.world.order(1, capacity=PROFESSIONAL))
        drawn = blueprint(tenant, PROFESSIONAL)
        hand = Hand(self.cluster, tenant.version, MemoryLease(), SystemClock())
        for part in drawn.parts:
            await hand.ensure(part, None)
        return hand, drawn

    async def spoil(self, part: Part, patch: dict[str, Any]) -> None:
        """Merge a patch as somebody with kubectl would."""
        if self.api is None:
            assert isinstance(self.cluster, MemoryCluster)
            self.cluster.edit(part.ref, lambda content: merge_patch(content, patch))
        else:
            await self.api.merge(_path(part), patch)

    async def replace(self, part: Part, spec: dict[str, Any]) -> None:
        """Put another object of the same name and marks in the place of ours."""
        if self.api is None:
            return await self.spoil(part, {"spec": spec})
        wanted = part.wanted(None)
        body = {**wanted, "spec": {**section(wanted, "spec"), **spec}}
        await self.api.call("DELETE", _path(part))
        code, answer = await self.api.call("POST", _path(part).rpartition("/")[0], body)
        assert code == 201, answer
        return None

    async def read(self, part: Part) -> Live:
        """Read it from the cluster."""
        live = await self.cluster.get(part.ref, timeout=TIME)
        assert live is not None
        return live


def _path(part: Part) -> str:
    return PATHS[part.ref.kind].format(part.ref.namespace, part.ref.name)


def _said(live: Live) -> list[Json]:
    labels = section(live.content, "metadata", "labels")
    return [labels.get(ENFORCED), *(live.content.get(key) for key in ("spec", "subjects"))]


@pytest_asyncio.fixture(params=["memory", *implementations()])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """Each kind in turn."""
    if request.param == "memory":
        yield Place(MemoryCluster(), None, OwnWorld("m"))
        return
    async with running_plane(request.param) as plane:
        yield Place(await plane.connect(), plane.api, plane.world())


def _part(drawn: Blueprint, name: str) -> Part:
    return next(part for part in drawn.parts if part.ref.name == (name or drawn.namespace.ref.name))


async def _mended(place: Place, hand: Hand, part: Part, before: Live) -> None:
    """Mend it, and show that it is as it was, and stands."""
    spoilt = await place.read(part)
    assert _said(spoilt) != _said(before)
    assert not part.holds(spoilt)
    mended = await hand.ensure(part, spoilt)
    after = await place.read(part)
    assert _said(after) == _said(mended) == _said(before)
    assert part.holds(after)
    again = await hand.ensure(part, None)
    # A controller may write a status meanwhile, and nobody the spec.
    assert section(again.content, "spec") == section(after.content, "spec")


@pytest.mark.parametrize(("name", "patch"), GAPS.values(), ids=GAPS.keys())
async def test_a_gap_that_others_made_is_closed(
    place: Place, name: str, patch: dict[str, Any]
) -> None:
    hand, drawn = await place.make()
    part = _part(drawn, name)
    for _ in range(2):
        before = await place.read(part)
        await place.spoil(part, patch)
        await _mended(place, hand, part, before)


@pytest.mark.parametrize(
    "place",
    # The sandbox refuses quotas with scopes.
    ["memory", *(one for one in implementations() if one != SANDBOX)],
    indirect=True,
)
@pytest.mark.parametrize("spec", OF_QUOTAS.values(), ids=OF_QUOTAS.keys())
async def test_a_quota_counts_all_pods_again(place: Place, spec: dict[str, Any]) -> None:
    hand, drawn = await place.make()
    part = _part(drawn, naming.QUOTA)
    before = await place.read(part)
    await place.replace(part, spec)
    await _mended(place, hand, part, before)
