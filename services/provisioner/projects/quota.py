"""A project's own quota as values: what may be asked for, and what is then to be written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.chassis import quantities
from services.chassis.errors import InvalidArgument, Violations
from services.provisioner import naming
from services.provisioner.domain import Json, JsonObject
from services.provisioner.objects import Live, Ref, section
from services.provisioner.organization.amounts import Amounts, at_least, at_most, spell

DIMENSIONS: Mapping[str, str] = {
    "cpu": "requests.cpu",
    "memory": "requests.memory",
    "storage": "requests.storage",
    "pods": "pods",
}
"""What can be capped, by the names by which capacity is sold, and its names in the cluster."""

_COMPONENT = "project-quota"


class QuotaExceeded(InvalidArgument):
    """More for one project than the organization itself may use.

    The metadata says of each resource, by the cluster's names, ``"<asked> > <allowed>"``.
    """

    reason = "QUOTA_EXCEEDED"


@dataclass(frozen=True, slots=True)
class Wish:
    """Caps of one project by the names of ``DIMENSIONS``: a quantity, None to lift the cap.

    What is not named stays as it is.
    """

    organization: str
    project: str
    caps: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class ProjectQuota:
    """What bounds one project, by the cluster's names, as quantities.

    ``plan_hard`` is what the organization's quota gives this namespace, ``limits`` are the items of
    its LimitRange, as they stand.
    """

    organization: str
    project: str
    namespace: str
    set: bool = False
    hard: Mapping[str, str] = field(default_factory=dict)
    used: Mapping[str, str] = field(default_factory=dict)
    plan_hard: Mapping[str, str] = field(default_factory=dict)
    plan_used: Mapping[str, str] = field(default_factory=dict)
    limits: Sequence[JsonObject] = ()


def quota_ref(namespace: str, name: str) -> Ref:
    """Return what names a project's own quota."""
    return Ref("v1", "ResourceQuota", namespace, name)


def checked(wish: Wish, allowed: Amounts) -> dict[str, str | None]:
    """Return the caps by the cluster's names, spelled as the cluster does; None lifts one.

    ``allowed`` is what the organization itself may use. Raises InvalidArgument with the path of
    each bad field, and QuotaExceeded.
    """
    bad, amounts = Violations(), dict[str, int | None]()
    for name, text in sorted(wish.caps.items()):
        resource = DIMENSIONS.get(name)
        if resource is None:
            bad.add(f"hard['{name}']", f"can be capped are {', '.join(DIMENSIONS)}")
            continue
        try:
            amounts[resource] = None if text is None else _amount(resource, text)
        except ValueError as error:
            bad.add(f"hard['{name}']", str(error))
    bad.raise_if_any()
    _check_allowed(amounts, allowed)
    return {
        resource: None if amount is None else spell(resource, amount)
        for resource, amount in amounts.items()
    }


def merged(live: Live | None, caps: Mapping[str, str | None]) -> dict[str, str]:
    """Return what the quota allows after these caps are set and lifted."""
    stands = texts(live, "spec", "hard")
    kept = {name: text for name, text in stands.items() if name not in caps}
    return kept | {name: text for name, text in caps.items() if text is not None}


def manifest(ref: Ref, hard: Mapping[str, str]) -> JsonObject:
    """Return a quota that does not stand yet."""
    labels = {
        "app.kubernetes.io/name": ref.name,
        "app.kubernetes.io/component": _COMPONENT,
        "app.kubernetes.io/part-of": naming.SYSTEM,
        naming.LABEL_PER_PROJECT: "true",
    }
    metadata: JsonObject = {"name": ref.name, "namespace": ref.namespace, "labels": labels}
    return {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": metadata,
        "spec": {"hard": dict(hard)},
    }


def patch(caps: Mapping[str, str | None]) -> JsonObject:
    """Return what changes a quota that stands: these caps, and nothing else of it."""
    hard: dict[str, Json] = dict(caps)
    return {
        "metadata": {"labels": {naming.LABEL_PER_PROJECT: "true"}},
        "spec": {"hard": hard},
    }


def texts(live: Live | None, *path: str) -> dict[str, str]:
    """Return quantities that the cluster shows, as it writes them."""
    if live is None:
        return {}
    found = section(live.content, *path)
    return {
        name: str(value)
        for name, value in found.items()
        if isinstance(value, str | int) and not isinstance(value, bool)
    }


def _amount(resource: str, text: str) -> int:
    amount = quantities.parse(text)
    if amount < 0:
        raise ValueError("expected nothing below 0")
    units = at_most(resource, amount)
    if at_least(resource, amount) != units:
        raise ValueError("expected no part of the smallest unit")
    return units


def _check_allowed(amounts: Mapping[str, int | None], allowed: Amounts) -> None:
    above = {
        name: f"{spell(name, amount)} > {spell(name, allowed[name])}"
        for name, amount in amounts.items()
        if amount is not None and name in allowed and amount > allowed[name]
    }
    if above:
        raise QuotaExceeded("Above the organization's own limit.", metadata=above)
