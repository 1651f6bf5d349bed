"""Reads hold's ``quotas.yaml``: storage tiers.

The form has price ids and no amounts (those live with the prices at the provider): an import is
told them. A price whose amount is not known cannot be sold or recognised here, and is a problem.
A tier with an error is left out and the others stay, but not one that the defaults give away.
"""

from pydantic import TypeAdapter, ValidationError

from services.chassis.money import from_decimal
from services.pricing.capacity import Nothing
from services.pricing.catalog_schema import Id
from services.pricing.catalog_yaml import MarkedYaml, Path
from services.pricing.domain import Billing, Catalog, EndPolicy, Plan, Price
from services.pricing.sources.options import ImportOptions
from services.pricing.sources.quotas_schema import PRICE_KEYS, BillingForm, QuotasForm, TierForm
from services.pricing.sources.reading import Collector, Refused, repeated_prices

CATALOG = "hold"
RETENTION_SECONDS = 30 * 86_400
ENDING = EndPolicy.FREE
HOLD_URL = "{hold_url}"

_AN_ID: TypeAdapter[str] = TypeAdapter(Id)


def read_quotas(document: MarkedYaml, collector: Collector, options: ImportOptions) -> Catalog:
    """Return the catalog; the collector has what was left out. Refused if nothing stands."""
    if collector.badly_written_beside("tiers"):
        raise Refused
    try:
        form = QuotasForm.model_validate(document.value)
    except ValidationError as error:
        collector.invalid(error, ())
        raise Refused from None
    collector.unknown_keys(form, ())
    plans = _plans(form, collector, options)
    new_member = _default(form.defaults.new_crew_tier, "new_crew_tier", plans, collector)
    kept = options.retention_seconds
    return Catalog(
        name=options.catalog or CATALOG,
        version="",
        description=options.description,
        foreign_checkout_creates_account=False,
        retention_seconds=RETENTION_SECONDS if kept is None else kept,
        plans=plans,
        addons={},
        free_plan=_free(plans, new_member, collector, options),
        new_member_plan=new_member,
        grandfathered_plan=_default(
            form.defaults.plankowner_crew_tier, "plankowner_crew_tier", plans, collector
        ),
        billing=_billing(form.billing, collector, options),
    )


def _plans(form: QuotasForm, collector: Collector, options: ImportOptions) -> dict[str, Plan]:
    plans = {}
    for key, value in form.tiers.items():
        plan = _plan(key, value, form.billing, collector, options)
        if plan is not None:
            plans[key] = plan
    placed: list[tuple[Path, Plan]] = [(("tiers", key), plan) for key, plan in plans.items()]
    for path in list(repeated_prices(placed, collector)):
        del plans[str(path[1])]
    if not plans:
        raise collector.refuse(("tiers",), "no tier stands")
    return plans


def _plan(
    key: str, value: object, billing: BillingForm, collector: Collector, options: ImportOptions
) -> Plan | None:
    path: Path = ("tiers", key)
    if collector.badly_written(path):
        return None
    try:
        _AN_ID.validate_python(key)
        form = TierForm.model_validate(value)
    except ValidationError as error:
        collector.invalid(error, path)
        return None
    collector.unknown_keys(form, path)
    priced = bool(form.stripe_price_monthly or form.stripe_price_yearly)
    prices = _prices(key, form, billing.currency, collector, options)
    if key not in options.tiers:
        collector.note(path, "has no tier: nobody who asks for one is let in by this plan")
    if priced and not billing.enabled:
        collector.note(path, "is not offered to customers: billing.enabled is not true")
    return Plan(
        id=key,
        display_name=key.title(),
        description=form.description,
        tier=options.tiers.get(key, ""),
        prices=prices,
        features=tuple(options.features.get(key, ())),
        highlights=(),
        credits=0,
        provisions=Nothing({"storage": form.quota}),
        on_unpaid=options.on_unpaid or ENDING,
        on_end=options.on_end or ENDING,
        pin=False,
        recommended=False,
        # Without its amount a price is not sold; nor is the tier then to be had for nothing.
        self_service=not priced or (billing.enabled and bool(prices)),
    )


def _prices(
    key: str, form: TierForm, currency: str, collector: Collector, options: ImportOptions
) -> tuple[Price, ...]:
    prices = []
    for interval, name in PRICE_KEYS:
        price_id: str = getattr(form, name)
        if not price_id:
            continue
        amount = options.amount(key, interval, price_id)
        if amount is None:
            example = f"--amounts {key}/{interval.value}=5.00"
            what = f"no amount is known for {price_id}, so it is left out; say it: {example}"
            collector.problem(("tiers", key, name), what)
            continue
        try:
            prices.append(Price(from_decimal(amount, currency), interval, {"stripe": price_id}))
        except ValueError as error:
            collector.problem(("tiers", key, name), f"the amount that is given: {error}")
    return tuple(prices)


def _default(tier: str, name: str, plans: dict[str, Plan], collector: Collector) -> str:
    """Return a tier that is given without a payment; without it those who have it would lose it."""
    if tier and tier not in plans:
        what = f"no tier {tier!r} stands; there are {', '.join(plans)}"
        raise collector.refuse(("defaults", name), what)
    return tier


def _free(
    plans: dict[str, Plan], new_member: str, collector: Collector, options: ImportOptions
) -> str:
    """Return the tier that is fallen back to: that of new members if it is free, else the first."""
    free = [key for key, plan in plans.items() if plan.self_service and not plan.prices]
    if new_member in free:
        return new_member
    if not free and EndPolicy.FREE in (options.on_unpaid or ENDING, options.on_end or ENDING):
        raise collector.refuse(("tiers",), "no tier is free, and the ends of the others need one")
    return free[0] if free else ""


def _billing(form: BillingForm, collector: Collector, options: ImportOptions) -> Billing:
    urls = {"success_url": form.success_url, "cancel_url": form.cancel_url}
    for name, url in urls.items():
        if HOLD_URL in url and not options.hold_url:
            collector.note(("billing", name), f"keeps {HOLD_URL}: HOLD_PUBLIC_URL is not given")
        elif HOLD_URL in url:
            urls[name] = url.replace(HOLD_URL, options.hold_url.rstrip("/"))
    return Billing(form.enabled, form.currency, urls["success_url"], urls["cancel_url"])
