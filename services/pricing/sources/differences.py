"""What distinguishes two catalogs by meaning: amounts as money, quantities as quantities.

``6400M`` is ``6.4G``; the layout of a file, its comments and its form are nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import count
from typing import TypeAlias

from services.chassis import quantities
from services.pricing.canonical import canonical_json
from services.pricing.capacity import Capacity
from services.pricing.domain import Addon, Catalog, Plan, Price
from services.pricing.sources.own_kinds import kinds_form, sessions_form

Value: TypeAlias = "str | int | bool | tuple[str, ...] | Decimal | None"
_Flat: TypeAlias = dict[str, "_Shown"]

_AMOUNTS = frozenset(
    {"quota", "overhead_per_project", "suspended_quota", "requests", "limits", "adds"}
    | {"default_limits", "default_requests", "max", "min", "max_pod"}
    | {"max_volume_claim", "min_volume_claim"}
)
"""Maps of quantities; every other map of texts is compared as text."""


class Kind(StrEnum):
    """What became of a key."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """A plan, an add-on or a key that differs; the texts are as people read them."""

    kind: Kind
    key: str
    old: str = ""
    new: str = ""

    def __str__(self) -> str:
        if self.kind is Kind.CHANGED:
            return f"{self.key}: {self.old or 'nothing'} -> {self.new or 'nothing'}"
        return f"{self.key}: {self.kind.value}"


@dataclass(frozen=True, slots=True)
class _Shown:
    """A value as it is compared, and as it is written."""

    value: Value
    text: str


def differences(old: Catalog, new: Catalog) -> list[Difference]:
    """Return what differs, in the order of the form; nothing if both mean the same."""
    found = _changed("", _head(old), _head(new))
    found += _items("plans", old.plans, new.plans)
    return found + _items("addons", old.addons, new.addons)


def _items(
    group: str, old: Mapping[str, Plan] | Mapping[str, Addon], new: Mapping[str, Plan | Addon]
) -> list[Difference]:
    found = [Difference(Kind.REMOVED, f"{group}.{key}") for key in old if key not in new]
    for key, item in new.items():
        before = old.get(key)
        if before is None:
            found.append(Difference(Kind.ADDED, f"{group}.{key}"))
        else:
            found += _changed(f"{group}.{key}.", _flat(before), _flat(item))
    stayed = [key for key in old if key in new]
    order = [key for key in new if key in old]
    if stayed != order:
        found.append(Difference(Kind.CHANGED, group, ", ".join(stayed), ", ".join(order)))
    return found


def _changed(prefix: str, old: _Flat, new: _Flat) -> list[Difference]:
    nothing = _Shown(None, "")
    pairs = [(key, old.get(key, nothing), new.get(key, nothing)) for key in old | new]
    return [
        Difference(Kind.CHANGED, prefix + key, before.text, after.text)
        for key, before, after in pairs
        if before.value != after.value
    ]


def _head(catalog: Catalog) -> _Flat:
    billing = asdict(catalog.billing) if catalog.billing else {}
    kinds = {
        f"kinds.{key}": canonical_json(form) for key, form in kinds_form(catalog.kinds).items()
    }
    sessions = sessions_form(catalog.sessions) if catalog.sessions else {}
    return _texts(
        {
            "catalog": catalog.name,
            "description": catalog.description,
            "foreign_checkout": "create_account"
            if catalog.foreign_checkout_creates_account
            else "park",
            "free_plan": catalog.free_plan,
            "retention": f"{catalog.retention_seconds}s",
            "defaults.new_member": catalog.new_member_plan,
            "defaults.grandfathered": catalog.grandfathered_plan,
        }
        | {f"billing.{key}": value for key, value in billing.items()}
        | kinds
        | {f"sessions.{key}": canonical_json(value) for key, value in sessions.items()}
    )


def _flat(item: Plan | Addon) -> _Flat:
    found = _texts(
        {
            "name": item.display_name,
            "description": item.description,
            "self_service": item.self_service,
        }
    )
    found |= _prices(item.prices)
    if isinstance(item, Addon):
        return found | _texts({"disabled": item.disabled}) | _amounts("adds", item.adds)
    found |= _texts(
        {
            "tier": item.tier,
            "features": tuple(sorted(item.features)),
            "highlights": item.highlights,
            "credits": item.credits,
            "trial_days": item.trial_days,
            "pin": item.pin,
            "recommended": item.recommended,
            "on_unpaid": item.on_unpaid.value,
            "on_end": item.on_end.value,
        }
    )
    return found | _provisions(item.provisions)


def _prices(prices: Sequence[Price]) -> _Flat:
    found: _Flat = {}
    for price in prices:
        name = f"prices.{price.interval.value}.{price.amount.currency}"
        key = next(k for n in count(1) if (k := name if n == 1 else f"{name}[{n}]") not in found)
        found[key] = _Shown(str(price.amount), str(price.amount))
        found |= _texts({f"{key}.{provider}": n for provider, n in price.provider_prices.items()})
    return found


def _provisions(value: Capacity) -> _Flat:
    kind = type(value).__name__.lower()
    found = _texts({"provisions.kind": kind})
    return found | _tree("provisions", asdict(value))


def _tree(prefix: str, values: Mapping[str, object]) -> _Flat:
    found: _Flat = {}
    for name, value in values.items():
        key = f"{prefix}.{name}"
        if not isinstance(value, dict):
            found |= _ratio(key, value) if name == "burst_ratio" else _texts({key: value})
        elif name in _AMOUNTS:
            found |= _amounts(key, value)
        else:
            found |= _tree(key, value)
    return found


def _ratio(key: str, value: object) -> _Flat:
    return {key: _Shown(Decimal(str(value)), str(value))}


def _amounts(prefix: str, amounts: Mapping[str, str]) -> _Flat:
    return {f"{prefix}.{name}": _Shown(_amount(text), text) for name, text in amounts.items()}


def _amount(text: str) -> Value:
    """Return the amount of a quantity (2GB is 2G), or the text if it is none."""
    try:
        return quantities.parse(re.sub(r"(?<=[kKMGTPEi])B$", "", text))
    except ValueError:
        return text


def _texts(values: Mapping[str, object]) -> _Flat:
    return {key: _Shown(_plain(value), _written(value)) for key, value in values.items()}


def _plain(value: object) -> Value:
    if value is None or value == "":
        return None
    if isinstance(value, list | tuple):
        return tuple(str(item) for item in value)
    return value if isinstance(value, bool | int) else str(value)


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(str(item) for item in value) + "]"
    return "" if value is None else str(value)
