"""ResourceQuotas and LimitRanges."""

from collections.abc import Iterator

from deploy.sandbox.kubernetes.core.causes import Cause, duplicate, forbidden, invalid, required
from deploy.sandbox.kubernetes.core.clock import Clock
from deploy.sandbox.kubernetes.core.names import qualified_problem
from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.core.quantity import NANO, parse
from deploy.sandbox.kubernetes.kinds.amounts import canonicalise, check_not_negative
from deploy.sandbox.kubernetes.kinds.rules import KindRules

_COUNTED = frozenset(
    {
        "pods",
        "services",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "resourcequotas",
        "replicationcontrollers",
        "services.loadbalancers",
        "services.nodeports",
    }
)
_MEASURED = frozenset(
    {
        *("cpu", "memory", "storage", "ephemeral-storage"),
        *("requests.cpu", "requests.memory", "requests.storage", "requests.ephemeral-storage"),
        *("limits.cpu", "limits.memory", "limits.ephemeral-storage"),
    }
)
_LIMIT_FIELDS = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")


def is_count(resource: str) -> bool:
    """Whether a quota's resource is a number of objects."""
    return resource in _COUNTED or resource.startswith("count/")


def _default_quota(obj: Obj) -> None:
    canonicalise(obj.setdefault("spec", {}), "hard")


def _create_quota(obj: Obj, _: Clock) -> None:
    obj["status"] = {}


def _check_quota(obj: Obj) -> Iterator[Cause]:
    hard = obj["spec"].get("hard") or {}
    yield from check_not_negative(hard, "spec.hard")
    for resource, amount in hard.items():
        if why := qualified_problem(resource) or _quota_problem(resource):
            yield invalid(f"spec.hard[{resource}]", resource, why)
        if is_count(resource) and parse(amount) % NANO:
            yield invalid(f"spec.hard[{resource}]", amount, "must be an integer")
    for field in ("scopes", "scopeSelector"):
        if obj["spec"].get(field):
            yield forbidden(f"spec.{field}", "quota scopes are not served by the sandbox")


def _quota_problem(resource: str) -> str:
    """Why nothing is counted under this name, or nothing."""
    pages = resource.removeprefix("requests.").startswith("hugepages-")
    known = "/" in resource or resource in _COUNTED | _MEASURED or pages
    return "" if known else "must be a standard resource for quota"


def _default_limit_range(obj: Obj) -> None:
    for item in obj.setdefault("spec", {}).get("limits") or []:
        canonicalise(item, *_LIMIT_FIELDS)
        if item.get("type") != "Container":
            continue
        default = {**item.get("max", {}), **item.get("default", {})}
        request = {**item.get("min", {}), **default, **item.get("defaultRequest", {})}
        if default:
            item["default"] = default
        if request:
            item["defaultRequest"] = request


def _check_limit_range(obj: Obj) -> Iterator[Cause]:
    limits = obj["spec"].get("limits") or []
    seen: set[str] = set()
    for index, item in enumerate(limits):
        field = f"spec.limits[{index}]"
        if not item.get("type"):
            yield required(f"{field}.type")
        elif item["type"] in seen:
            yield duplicate(f"{field}.type", item["type"])
        seen.add(item.get("type", ""))
        if item.get("type") == "Pod":
            for part in ("default", "defaultRequest"):
                if item.get(part):
                    yield forbidden(f"{field}.{part}", "may not be specified when `type` is 'Pod'")
        yield from _check_order(item, field, "min", "max")
        if item.get("type") == "Container":
            yield from _check_order(item, field, "min", "defaultRequest")
            yield from _check_order(item, field, "defaultRequest", "default")
            yield from _check_order(item, field, "default", "max")


def _check_order(item: Obj, field: str, low: str, high: str) -> Iterator[Cause]:
    above = item.get(high) or {}
    for resource, amount in (item.get(low) or {}).items():
        if resource in above and parse(amount) > parse(above[resource]):
            why = f"{low} value {amount} is greater than {high} value {above[resource]}"
            yield invalid(f"{field}.{low}[{resource}]", amount, why)


QUOTAS = KindRules(_default_quota, _create_quota, _check_quota)
LIMIT_RANGES = KindRules(_default_limit_range, validate=_check_limit_range)
