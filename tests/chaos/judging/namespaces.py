"""What has to stand in a namespace that was paid for, by the catalog's own numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.chassis import quantities
from tests.chaos.evidence import Obj, Row

_EPOCH, _GENERATION = "tollgate.dev/epoch", "tollgate.dev/generation"
_POLICIES = ("tollgate-allow-dns", "tollgate-allow-same-namespace", "tollgate-default-deny")
_OWNER_ROLE = "tollgate-tenant-owner"
_WORKLOAD = "sessions"

Inside = Mapping[str, Sequence[Obj]]


def wrong_inside(
    provisions: Mapping[str, Any], tenant: Row, inside: Inside, *, running: bool
) -> Iterator[str]:
    """Return what is not as the plan and the tenant's order say."""
    yield from _names(inside, running=running)
    yield from _quota(provisions["quota"], inside.get("ResourceQuota", ()))
    yield from _limits(provisions["container"], inside.get("LimitRange", ()))
    yield from _workload(provisions, inside, running=running)
    yield from _owner(tenant, inside.get("RoleBinding", ()))
    yield from _stamps(tenant, inside)


def _names(inside: Inside, *, running: bool) -> Iterator[str]:
    wanted = {
        "ResourceQuota": ["tollgate-quota"],
        "LimitRange": ["tollgate-limits"],
        "NetworkPolicy": list(_POLICIES),
        "Deployment": [_WORKLOAD],
        "HorizontalPodAutoscaler": [_WORKLOAD],
        "RoleBinding": ["tollgate-owner"] if running else [],
    }
    for kind, names in wanted.items():
        found = sorted(item["metadata"]["name"] for item in inside.get(kind, ()))
        if found != names:
            yield f"{kind}s are {found}, not {names}"


def _quota(wanted: Mapping[str, object], quotas: Sequence[Obj]) -> Iterator[str]:
    for item in quotas:
        yield from _amounts("quota", wanted, item["spec"]["hard"])


def _limits(wanted: Mapping[str, Any], ranges: Sequence[Obj]) -> Iterator[str]:
    for item in ranges:
        bounds = {entry["type"]: entry for entry in item["spec"]["limits"]}
        container = bounds.get("Container", {})
        yield from _amounts("default", wanted["default_limits"], container.get("default", {}))
        requests = container.get("defaultRequest", {})
        yield from _amounts("default request", wanted["default_requests"], requests)


def _amounts(what: str, wanted: Mapping[str, object], found: Mapping[str, str]) -> Iterator[str]:
    same = wanted.keys() == found.keys() and all(
        quantities.equal(str(amount), found[name]) for name, amount in wanted.items()
    )
    if not same:
        yield f"the {what} is {dict(found)}, not {dict(wanted)}"


def _workload(provisions: Mapping[str, Any], inside: Inside, *, running: bool) -> Iterator[str]:
    scale = provisions["autoscale"]
    least = max(scale["min"], provisions["warm_pool"])
    for item in inside.get("HorizontalPodAutoscaler", ()):
        bounds = (item["spec"]["minReplicas"], item["spec"]["maxReplicas"])
        if bounds != (least, scale["max"]):
            yield f"the autoscaler is bound to {bounds}, not {(least, scale['max'])}"
    for item in inside.get("Deployment", ()):
        replicas = item["spec"]["replicas"]
        image = item["spec"]["template"]["spec"]["containers"][0]["image"]
        if image != provisions["workload"]["image"]:
            yield f"the workload runs {image}"
        if running and not least <= replicas <= scale["max"]:
            yield f"the workload has {replicas} replicas"
        if not running and replicas != 0:
            yield f"is suspended and its workload has {replicas} replicas"


def _owner(tenant: Row, bindings: Sequence[Obj]) -> Iterator[str]:
    subject = tenant["owner_subject"]
    wanted = ("User", subject) if subject else ("Group", f"tollgate:account:{tenant['account']}")
    for item in bindings:
        found = [(each["kind"], each["name"]) for each in item.get("subjects", ())]
        if found != [wanted] or item["roleRef"]["name"] != _OWNER_ROLE:
            yield f"{found} may enter as {item['roleRef']['name']}, not {wanted}"


def _stamps(tenant: Row, inside: Inside) -> Iterator[str]:
    wanted = (str(tenant["epoch"]), str(tenant["generation"]))
    for kind, items in inside.items():
        for item in items:
            said = item["metadata"].get("annotations", {})
            found = (said.get(_EPOCH), said.get(_GENERATION))
            if found != wanted:
                yield f"{kind} {item['metadata']['name']} is of order {found}, not {wanted}"
