"""LimitRanges: defaults for containers that say nothing, refusals outside the bounds."""

from collections.abc import Iterator

from deploy.sandbox.kubernetes.core.errors import forbidden
from deploy.sandbox.kubernetes.core.objects import Obj, containers_of, meta, name_of
from deploy.sandbox.kubernetes.core.quantity import format_of, parse, render
from deploy.sandbox.kubernetes.storage.store import Store


def _items(store: Store, namespace: str, kind: str) -> Iterator[Obj]:
    for stored in store.select("limitranges", namespace):
        for item in stored.obj["spec"].get("limits") or []:
            if item["type"] == kind:
                yield item


def default_from_limit_ranges(store: Store, namespace: str, pod: Obj) -> None:
    """Fill requests and limits of containers, and say so in an annotation."""
    notes: list[str] = []
    for item in _items(store, namespace, "Container"):
        for _, container in containers_of(pod["spec"]):
            notes += _default_container(container, item)
    if notes:
        annotations = meta(pod).setdefault("annotations", {})
        annotations["kubernetes.io/limit-ranger"] = "LimitRanger plugin set: " + "; ".join(notes)


def _default_container(container: Obj, item: Obj) -> Iterator[str]:
    resources = container["resources"]
    for part, source in (("requests", "defaultRequest"), ("limits", "default")):
        own = resources.get(part) or {}
        missing = {k: v for k, v in (item.get(source) or {}).items() if k not in own}
        if missing:
            resources[part] = {**own, **missing}
            names = ", ".join(sorted(missing))
            yield f"{names} {part[:-1]} for container {container.get('name')}"


def check_pod_limits(store: Store, namespace: str, pod: Obj) -> None:
    """Refuse a pod outside the bounds of its namespace."""
    problems: list[str] = []
    for item in _items(store, namespace, "Container"):
        for _, container in containers_of(pod["spec"]):
            problems += _outside(container["resources"], item, "Container")
    for item in _items(store, namespace, "Pod"):
        problems += _outside(_pod_totals(pod), item, "Pod")
    _refuse("pods", pod, problems)


def check_claim_limits(store: Store, namespace: str, claim: Obj) -> None:
    """Refuse a volume claim outside the bounds of its namespace."""
    problems: list[str] = []
    requests = claim["spec"]["resources"].get("requests") or {}
    for item in _items(store, namespace, "PersistentVolumeClaim"):
        amounts = {"requests": requests, "limits": requests}
        problems += _outside(amounts, item, "PersistentVolumeClaim")
    _refuse("persistentvolumeclaims", claim, problems)


def _refuse(resource: str, obj: Obj, problems: list[str]) -> None:
    if problems:
        texts = list(dict.fromkeys(problems))
        why = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        raise forbidden(resource, name_of(obj), why)


def _outside(resources: Obj, item: Obj, kind: str) -> Iterator[str]:
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    for name, least in (item.get("min") or {}).items():
        if name not in requests:
            yield f"minimum {name} usage per {kind} is {least}.  No request is specified"
        elif parse(requests[name]) < parse(least):
            yield f"minimum {name} usage per {kind} is {least}, but request is {requests[name]}"
    for name, most in (item.get("max") or {}).items():
        if name not in limits:
            yield f"maximum {name} usage per {kind} is {most}.  No limit is specified"
        elif parse(limits[name]) > parse(most):
            yield f"maximum {name} usage per {kind} is {most}, but limit is {limits[name]}"
    yield from _ratios(requests, limits, item, kind)


def _ratios(requests: Obj, limits: Obj, item: Obj, kind: str) -> Iterator[str]:
    for name, most in (item.get("maxLimitRequestRatio") or {}).items():
        request, limit = requests.get(name), limits.get(name)
        if request is None or limit is None or not parse(request):
            what = f"{name} max limit to request ratio per {kind} is {most}"
            yield f"{what}, but no request is specified or request is 0"
        elif parse(limit) * 10**9 > parse(most) * parse(request):
            ratio = parse(limit) / parse(request)
            yield (
                f"{name} max limit to request ratio per {kind} is {most}, "
                f"but provided ratio is {ratio:f}"
            )


def _pod_totals(pod: Obj) -> Obj:
    totals: Obj = {"requests": {}, "limits": {}}
    for container in pod["spec"].get("containers") or []:
        for part, found in totals.items():
            for name, amount in (container["resources"].get(part) or {}).items():
                total = parse(found.get(name, "0")) + parse(amount)
                found[name] = render(total, format_of(amount))
    return totals
