"""What a custom resource is billed by: a catalog's rule for its kind, and what it derives. Pure.

A rule says where in an object's ``spec`` the sizes of each billable resource stand, and what counts
where nothing does, as the kind's own defaults would.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from services.chassis.errors import Violations
from services.pricing.canonical import Json, plain
from services.pricing.costing import ResourceRequest

MAX_DERIVED = 1000
_SIZES = ("cpu", "memory", "storage")
_LONGEST = 64

Steps = tuple[str | int, ...]
"""A way into a spec: keys of objects, and places in lists."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where a value stands: the first of the ``paths`` that there is, else ``default``.

    Without a default the value has to be there. No paths: it is always the default.
    """

    paths: tuple[Steps, ...] = ()
    default: str | None = None


@dataclass(frozen=True, slots=True)
class ResourceRule:
    """One billable resource of a kind, or, with ``each``, one for every item that stands there.

    Paths begin at the spec, or at the item. ``when`` is what has to be there, and not ``false``,
    for there to be one.
    """

    type: str
    cpu: Where
    memory: Where
    storage: Where
    replicas: Where
    each: Steps = ()
    when: Steps = ()


@dataclass(frozen=True, slots=True)
class KindRule:
    """What one kind is billed by. ``name`` is ``<plural>.<group>/<version>``."""

    name: str
    kind: str
    resources: tuple[ResourceRule, ...]

    @property
    def api_version(self) -> str:
        """Group and version, as objects name them."""
        return self.name.partition(".")[2]


@dataclass(frozen=True, slots=True)
class Derived:
    """A billable resource, and where in the object each of its sizes stands."""

    request: ResourceRequest
    at: str
    origins: Mapping[str, str]


def derive(rule: KindRule, spec: Mapping[str, Json], bad: Violations) -> list[Derived]:
    """Return what an object is billed by, in the rule's order.

    Every field of the spec that is missing, or no size at all, is added to ``bad``.
    """
    found: list[Derived] = []
    for one in rule.resources:
        for root, item in _items(one, spec, bad):
            if len(found) == MAX_DERIVED:
                bad.add(root, f"expected at most {MAX_DERIVED} billable resources")
                break
            if not one.when or _there(_at(item, one.when)):
                derived = _derived(one, root, item, bad)
                found += [] if derived is None else [derived]
    if not found:
        bad.add("spec", f"holds nothing that a {rule.kind} is billed by")
    return found


def shown(path: Steps, root: str = "spec") -> str:
    """Write a way as people do: ``spec.volumes[0].size``."""
    return root + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def _items(
    rule: ResourceRule, spec: Mapping[str, Json], bad: Violations
) -> Iterator[tuple[str, Json]]:
    if not rule.each:
        yield "spec", spec
        return
    where, found = shown(rule.each), _at(spec, rule.each)
    if isinstance(found, Mapping):
        for key in found:
            yield f"{where}.{key}", found[key]
    elif isinstance(found, Sequence) and not isinstance(found, str):
        for place, item in enumerate(found):
            yield f"{where}[{place}]", item
    elif found is not None:
        bad.add(where, "expected a list")


def _derived(rule: ResourceRule, root: str, item: Json, bad: Violations) -> Derived | None:
    """Return what one resource is billed by; nothing of it is while it has no replicas."""
    sizes: dict[str, str] = {}
    origins: dict[str, str] = {}
    for name in _SIZES:
        sizes[name], origins[name] = _size(getattr(rule, name), root, item, bad)
    text, origins["replicas"] = _size(rule.replicas, root, item, bad)
    replicas = 0
    if text.isascii() and text.isdigit() and len(text) < _LONGEST:
        replicas = int(text)
        if not replicas:
            return None
    elif text:
        bad.add(origins["replicas"], f"expected a whole number of replicas, got {text!r}")
    request = ResourceRequest(rule.type, replicas=replicas, **sizes)
    return Derived(request, root, origins)


def _size(where: Where, root: str, item: Json, bad: Violations) -> tuple[str, str]:
    """Return a size as it was written, and where; a text is empty where nothing is billed."""
    for path in where.paths:
        value = _at(item, path)
        if value is None:
            continue
        origin = shown(path, root)
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            bad.add(origin, "expected a number or a quantity such as 500m or 4Gi")
            return "", origin
        text = plain(value) if isinstance(value, Decimal) else str(value)
        if not text or len(text) > _LONGEST:
            bad.add(origin, "expected a number or a quantity such as 500m or 4Gi")
        return text, origin
    origin = shown(where.paths[0], root) if where.paths else root
    if where.default is None:
        bad.add(origin, "is missing, and has no default")
        return "", origin
    return where.default, origin


def _at(value: Json, path: Steps) -> Json:
    """Return what stands at the end of a way; None for nothing."""
    for step in path:
        if isinstance(step, int):
            if not isinstance(value, Sequence) or isinstance(value, str) or step >= len(value):
                return None
            value = value[step]
        elif isinstance(value, Mapping):
            value = value.get(step)
        else:
            return None
    return value


def _there(value: Json) -> bool:
    return value is not None and value is not False
