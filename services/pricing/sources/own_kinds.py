"""What only our own form says: kinds and session rates, as the plain values of a file."""

from collections.abc import Mapping
from typing import TypeAlias

from services.pricing.canonical import plain
from services.pricing.catalog_yaml import Plain
from services.pricing.kinds import KindRule, ResourceRule, Steps, Where, shown
from services.pricing.sessions import SessionRates

_Tree: TypeAlias = dict[str, Plain]

_SIZES = ("cpu", "memory", "storage", "replicas")
_LEFT_OUT = {"replicas": Where(default="1")}
_NOTHING = Where(default="")


def kinds_form(kinds: Mapping[str, KindRule]) -> _Tree:
    """Return what kinds are billed by, as it stands in a file."""
    return {name: _kind(rule) for name, rule in kinds.items()}


def sessions_form(rates: SessionRates) -> _Tree:
    """Return what sessions cost, as it stands in a file."""
    form: _Tree = {
        "currency": rates.currency,
        "block": f"{rates.block_seconds}s",
        "charged": plain(rates.charged),
        "infrastructure": plain(rates.infrastructure),
        "credits": rates.credits,
    }
    fees: _Tree = {"share": plain(rates.fee_share), "fixed": plain(rates.fee_fixed)}
    return form | {"provider_fee": fees}


def _kind(rule: KindRule) -> _Tree:
    resources: list[Plain] = [_resource(one) for one in rule.resources]
    return {"kind": rule.kind, "resources": resources}


def _resource(rule: ResourceRule) -> _Tree:
    form: _Tree = {"type": rule.type}
    for key, path in (("each", rule.each), ("when", rule.when)):
        if path:
            form[key] = _path(path)
    for name in _SIZES:
        where: Where = getattr(rule, name)
        if where != _LEFT_OUT.get(name, _NOTHING):
            form[name] = _where(where)
    return form


def _where(where: Where) -> _Tree:
    form: _Tree = {}
    if where.paths:
        paths: list[Plain] = [_path(path) for path in where.paths]
        form["path"] = paths
    if where.default is not None:
        form["default"] = where.default
    return form


def _path(path: Steps) -> str:
    return shown(path, "").removeprefix(".")
