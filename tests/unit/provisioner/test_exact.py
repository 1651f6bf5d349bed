"""What of a fence has to be exactly as ordered: every way to open it is seen, and mended."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from services.provisioner import exact, isolation, naming
from services.provisioner.domain import TenantPhase
from services.provisioner.errors import IsolationNotBound
from services.provisioner.objects import Live, Ref
from services.provisioner.stamp import Stamp
from tests.unit.provisioner.test_reading_back import Reading
from tests.unit.provisioner.world import PROFESSIONAL, World, order

Content = dict[str, Any]
DENY, DNS, INSIDE = naming.DENY_ALL, naming.ALLOW_DNS, naming.ALLOW_INSIDE
BINDING = naming.OWNER_BINDING
ENFORCED = "pod-security.kubernetes.io/enforce-version"
ELSEWHERE = {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}


def _spec(**changes: Any) -> Callable[[Content], None]:
    return lambda content: content["spec"].update(deepcopy(changes))


def _rule(direction: str, **changes: Any) -> Callable[[Content], None]:
    return lambda content: content["spec"][direction][0].update(deepcopy(changes))


def _port(content: Content) -> None:
    content["spec"]["egress"][0]["ports"][0]["endPort"] = 65535


def _subject(content: Content) -> None:
    content["subjects"].append({**content["subjects"][0], "name": "mallory"})


def _version(content: Content) -> None:
    content["metadata"]["labels"][ENFORCED] = "v1.0"


GAPS: dict[str, tuple[str, Callable[[Content], None]]] = {
    "lets all in": (DENY, _spec(ingress=[{}])),
    "lets all out": (DENY, _spec(egress=[{}])),
    "no more egress": (DENY, _spec(policyTypes=["Ingress"])),
    "no more ingress": (INSIDE, _spec(policyTypes=["Egress"])),
    "some pods only": (DENY, _spec(podSelector={"matchLabels": {"tier": "web"}})),
    "some pods by expression": (
        DENY,
        _spec(podSelector={"matchExpressions": [{"key": "x", "operator": "DoesNotExist"}]}),
    ),
    "one more way out": (DNS, _spec(egress=[ELSEWHERE])),
    "in beside dns": (DNS, _spec(policyTypes=["Egress", "Ingress"], ingress=[{}])),
    "in unsaid": (DNS, _spec(ingress=[{}])),
    "more ports": (DNS, _port),
    "dns of any pods": (DNS, _rule("egress", to=[])),
    "from every namespace": (
        INSIDE,
        _rule("ingress", **{"from": [{"podSelector": {}, "namespaceSelector": {}}]}),
    ),
    "from anywhere": (INSIDE, _rule("ingress", **{"from": []})),
    "a field that a later version knows": (DENY, _spec(exceptions=["all"])),
    "one more subject": (BINDING, _subject),
    "a quota of some pods": (
        naming.QUOTA,
        _spec(scopeSelector={"matchExpressions": [{"scopeName": "BestEffort"}]}),
    ),
    "a quota with a scope": (naming.QUOTA, _spec(scopes=["Terminating"])),
    "an older meaning of restricted": ("", _version),
}

FENCED = {gap: (name, change) for gap, (name, change) in GAPS.items() if name != BINDING}


def _named(world: World, name: str) -> Ref | None:
    """Return what has this name, the namespace without one; None if it does not stand yet."""
    found = (
        ref
        for ref in world.cluster.stored
        if (ref.name == name if name else ref.kind == "Namespace")
    )
    return next(found, None)


@pytest.mark.parametrize(("name", "change"), GAPS.values(), ids=GAPS.keys())
async def test_a_gap_is_closed_whoever_made_it(
    name: str, change: Callable[[Content], None]
) -> None:
    world = World()
    tenant = await world.make(order())
    ref = _named(world, name)
    assert ref is not None
    before = world.cluster.at(ref)
    world.cluster.edit(ref, change)
    assert not world.reconciler().stands(world.tenant(tenant.id), [ref])
    await world.run(tenant)
    after = world.cluster.at(ref)
    for part in ("spec", "subjects", "roleRef"):
        assert after.content.get(part) == before.content.get(part)
    assert after.label(ENFORCED) == ""
    assert world.tenant(tenant.id).phase is TenantPhase.READY
    calls = len(world.cluster.calls)
    await world.run(tenant)
    assert len(world.cluster.calls) == calls, "what was mended stands"


@pytest.mark.parametrize(("name", "change"), FENCED.values(), ids=FENCED.keys())
async def test_nobody_enters_behind_a_fence_with_a_gap(
    name: str, change: Callable[[Content], None]
) -> None:
    world = World()

    def opened(live: Live) -> None:
        if live.ref == _named(world, name):
            world.cluster.edit(live.ref, change)

    tenant = await world.take(order())
    with pytest.raises(IsolationNotBound, match=name or "Namespace"):
        await world.run(tenant, Reading(world.cluster, opened))
    assert world.owner(tenant) is None
    await world.run(tenant)
    assert world.tenant(tenant.id).phase is TenantPhase.READY


def test_what_the_api_server_leaves_out_or_others_only_restrict_is_no_gap() -> None:
    world = World()
    for wanted in _ordered(world):
        live = deepcopy(dict(wanted))
        for direction in ("ingress", "egress"):
            if live.get("spec", {}).get(direction) == []:
                del live["spec"][direction]
        live["metadata"]["labels"]["example.com/theirs"] = "yes"
        live["status"] = {}
        if live["kind"] == "ResourceQuota":
            live["spec"]["hard"]["services"] = "1"
        if live["kind"] == "LimitRange":
            live["spec"]["limits"][0]["max"] = {"memory": "1G"}
        assert exact.stands(wanted, live)
        assert exact.clearing(wanted, live) is None
        assert exact.wrong(wanted, live) == []


def test_each_gap_is_named_once() -> None:
    wanted = next(one for one in _ordered(World()) if one["metadata"]["name"] == DENY)
    live = deepcopy(wanted)
    live["spec"]["ingress"] = [{}]
    assert exact.wrong(wanted, live) == ["spec.ingress", "spec"]


def test_naming_what_is_empty_changes_no_hash() -> None:
    """Else two versions of us would write over each other while one replaces the other."""
    stamp = Stamp("tnt_1", "customer-one", order())
    for wanted in isolation.fences(stamp, PROFESSIONAL):
        content: Any = wanted
        if content["kind"] == "NetworkPolicy":
            bare = {key: value for key, value in content["spec"].items() if value != []}
            ref = stamp.ref(content["apiVersion"], content["kind"], content["metadata"]["name"])
            before = stamp.manifest(ref, "isolation", {"spec": bare})
            assert before["metadata"] == content["metadata"]


def _ordered(world: World) -> list[Content]:
    stamp = Stamp("tnt_1", "customer-one", order())
    return [
        deepcopy(dict(one))
        for one in (*isolation.fences(stamp, PROFESSIONAL), isolation.owner_binding(stamp))
    ]
