"""What objects weigh against a quota, in nano units."""

from collections.abc import Iterable

from deploy.sandbox.kubernetes.core.objects import Obj, dig
from deploy.sandbox.kubernetes.core.quantity import NANO, parse

Usage = dict[str, int]
# Counted under their plain name too, as quotas of the first days name them.
_PLAIN = frozenset(
    {"services", "secrets", "configmaps", "persistentvolumeclaims", "resourcequotas"}
)
_COMPUTE = ("cpu", "memory", "ephemeral-storage")


def add(total: Usage, more: Usage, factor: int = 1) -> None:
    """Add a usage to a total, in place."""
    for name, amount in more.items():
        total[name] = total.get(name, 0) + factor * amount


def usage_of(resource: str, obj: Obj) -> Usage:
    """What one object uses of everything that a quota can bound."""
    found = {f"count/{resource}": NANO}
    if resource in _PLAIN:
        found[resource] = NANO
    if resource == "pods":
        if dig(obj, "status", "phase") not in ("Succeeded", "Failed"):
            found |= {"pods": NANO} | _compute(obj["spec"])
    elif resource == "services":
        found |= _service(obj["spec"])
    elif resource == "persistentvolumeclaims":
        found["requests.storage"] = parse(dig(obj, "spec", "resources", "requests")["storage"])
    return found


def _service(spec: Obj) -> Usage:
    kind, ports = spec.get("type"), len(spec.get("ports") or []) * NANO
    if kind == "LoadBalancer":
        return {"services.loadbalancers": NANO, "services.nodeports": ports}
    return {"services.nodeports": ports} if kind == "NodePort" else {}


def _compute(spec: Obj) -> Usage:
    """Requests and limits of a pod: its containers together, or its greatest init container."""
    found: Usage = {}
    for part in ("requests", "limits"):
        running = _sum(spec.get("containers") or [], part)
        starting = _greatest(spec.get("initContainers") or [], part)
        for name in running.keys() | starting.keys():
            amount = max(running.get(name, 0), starting.get(name, 0))
            found[f"{part}.{name}"] = amount
            if part == "requests" and name in _COMPUTE:
                found[name] = amount
    return found


def _amounts(container: Obj, part: str) -> Iterable[tuple[str, int]]:
    for name, amount in dig(container, "resources", part, default={}).items():
        yield name, parse(amount)


def _sum(containers: list[Obj], part: str) -> Usage:
    total: Usage = {}
    for container in containers:
        for name, amount in _amounts(container, part):
            total[name] = total.get(name, 0) + amount
    return total


def _greatest(containers: list[Obj], part: str) -> Usage:
    most: Usage = {}
    for container in containers:
        for name, amount in _amounts(container, part):
            most[name] = max(most.get(name, 0), amount)
    return most
