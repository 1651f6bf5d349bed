"""What objects weigh against a quota, in nano units."""

from collections.abc import Iterable

from deploy.sandbox.kubernetes.core.objects import Obj, dig
from deploy.sandbox.kubernetes.core.quantity import NANO, parse
from deploy.sandbox.kubernetes.storage.records import Event

Usage = dict[str, int]
# Counted under their plain name too, as quotas of the first days name them.
_PLAIN = frozenset(
    {"services", "secrets", "configmaps", "persistentvolumeclaims", "resourcequotas"}
)
# Of all others only the number counts.
_WEIGHED = frozenset({"pods", "services", "persistentvolumeclaims"})
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
        if not _is_over(obj):
            found |= {"pods": NANO} | _compute(obj["spec"])
    elif resource == "services":
        found |= _service(obj["spec"])
    elif resource == "persistentvolumeclaims":
        found["requests.storage"] = parse(dig(obj, "spec", "resources", "requests")["storage"])
    return found


def uses_the_same(event: Event) -> bool:
    """Whether a change leaves alone what its object weighs."""
    if event.type != "MODIFIED" or event.before is None:
        return False
    return same_usage(event.key.resource, event.before.obj, event.now.obj)


def same_usage(resource: str, before: Obj, now: Obj) -> bool:
    """Whether two versions of an object certainly weigh the same; quick, for nearly all do."""
    if resource not in _WEIGHED:
        return True
    over = resource == "pods" and _is_over(before) != _is_over(now)
    return not over and bool(before.get("spec") == now.get("spec"))


def _is_over(pod: Obj) -> bool:
    return dig(pod, "status", "phase") in ("Succeeded", "Failed")


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
