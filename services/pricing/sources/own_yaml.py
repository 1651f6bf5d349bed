"""From a catalog to our own YAML: canonical, so that equal catalogs are written alike.

Keys stand in the order of the form and defaults are left out. What is written reads back as the
same catalog, under a version of its own.
"""

from dataclasses import asdict
from typing import TypeAlias, cast

from services.pricing import capacity
from services.pricing.catalog_file import catalog_of
from services.pricing.catalog_yaml import Plain
from services.pricing.domain import Addon, Billing, Catalog, Plan, Price
from services.pricing.sources.own_kinds import kinds_form, sessions_form
from services.pricing.sources.writing import dumped

_Tree: TypeAlias = dict[str, Plain]

_DEFAULT_RETENTION = 30 * 86_400
_UNITS = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def own_text(catalog: Catalog) -> str:
    """Return a catalog as our own YAML."""
    return dumped(own_form(catalog))


def canonical(catalog: Catalog) -> Catalog:
    """Return a catalog at the version of its canonical content; CatalogRejected if it is none."""
    return catalog_of(own_form(catalog), "in our own form")


def own_form(catalog: Catalog) -> dict[str, Plain]:
    """Return a catalog as the plain value that stands in its file."""
    makes_account = catalog.foreign_checkout_creates_account
    standing = catalog.retention_seconds == _DEFAULT_RETENTION
    defaults = _said(new_member=catalog.new_member_plan, grandfathered=catalog.grandfathered_plan)
    name: _Tree = {"catalog": catalog.name}
    return name | _said(
        description=catalog.description,
        foreign_checkout="create_account" if makes_account else "",
        free_plan=catalog.free_plan,
        retention="" if standing else _time(catalog.retention_seconds),
        defaults=defaults,
        billing=_billing(catalog.billing) if catalog.billing else None,
        plans={key: _plan(plan) for key, plan in catalog.plans.items()},
        addons={key: _addon(addon) for key, addon in catalog.addons.items()},
        kinds=kinds_form(catalog.kinds),
        sessions=sessions_form(catalog.sessions) if catalog.sessions else None,
    )


def _said(**values: object) -> _Tree:
    """Return the values that say anything; every key's default is what is empty, false or 0."""
    # A list of texts is no list of plain values to a type checker, though nothing here adds to it.
    return cast("_Tree", {key: value for key, value in values.items() if value})


def _time(seconds: int) -> str:
    unit, length = next((u, n) for u, n in _UNITS if seconds % n == 0)
    return f"{seconds // length}{unit}"


def _billing(billing: Billing) -> _Tree:
    form: _Tree = {"enabled": billing.enabled, "currency": billing.currency}
    return form | _said(success_url=billing.success_url, cancel_url=billing.cancel_url)


def _plan(plan: Plan) -> _Tree:
    form = _said(
        name=plan.display_name,
        description=plan.description,
        tier=plan.tier,
        recommended=plan.recommended,
        prices=[_price(price) for price in plan.prices],
        features=list(plan.features),
        highlights=list(plan.highlights),
        credits=plan.credits,
        trial_days=plan.trial_days,
        pin=plan.pin,
    )
    if not plan.self_service:
        form["self_service"] = False
    form["provisions"] = _provisions(plan.provisions)
    return form | {"on_unpaid": plan.on_unpaid.value, "on_end": plan.on_end.value}


def _addon(addon: Addon) -> _Tree:
    form = _said(
        name=addon.display_name,
        description=addon.description,
        prices=[_price(price) for price in addon.prices],
    )
    form["adds"] = dict(addon.adds)
    if not addon.self_service:
        form["self_service"] = False
    return form | _said(disabled=addon.disabled)


def _price(price: Price) -> _Tree:
    names = dict(price.provider_prices)
    form: _Tree = {
        "currency": price.amount.currency,
        "interval": price.interval.value,
        "amount": str(price.amount.to_decimal()),
    }
    form |= _said(stripe_price=names.pop("stripe", ""))
    return form | _said(provider_prices=dict(names))


def _provisions(value: capacity.Capacity) -> _Tree:
    match value:
        case capacity.Nothing():
            return _said(kind="nothing", limits=dict(value.limits))
        case capacity.Namespace():
            return _said(kind="namespace") | _namespace(value)
        case capacity.Organization():
            return _said(kind="organization") | _organization(value)
        case capacity.Tenant():
            values = dict(value.values)
            return _said(kind="tenant", chart=value.chart, values=values, database=value.database)
        case capacity.Resource():
            kinds: list[Plain] = list(value.kinds)
            return _said(kind="resource") | {"kinds": kinds} | _said(max_objects=value.max_objects)


def _namespace(value: capacity.Namespace) -> _Tree:
    form: _Tree = {"quota": dict(value.quota)}
    form |= _said(container=_container(value.container))
    if value.autoscale is not None:
        scale = value.autoscale
        form["autoscale"] = {"min": scale.min, "max": scale.max, "cpu_percent": scale.cpu_percent}
    form |= _said(warm_pool=value.warm_pool)
    if value.workload is not None:
        work = value.workload
        form["workload"] = _said(
            image=work.image,
            requests=dict(work.requests),
            limits=dict(work.limits),
            port=work.port,
            args=list(work.args),
        )
    return form


def _organization(value: capacity.Organization) -> _Tree:
    form: _Tree = {"quota": dict(value.quota)}
    form |= _said(
        overhead_per_project=dict(value.overhead_per_project), container=_container(value.container)
    )
    form["burst_ratio"] = value.burst_ratio
    if value.public_ips is not None:
        form["public_ips"] = value.public_ips
    return form | _said(
        object_storage_gb=value.object_storage_gb, suspended_quota=dict(value.suspended_quota)
    )


def _container(limits: capacity.ContainerLimits) -> _Tree:
    return _said(**{name: dict(amounts) for name, amounts in asdict(limits).items()})
