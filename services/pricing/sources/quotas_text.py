"""Writes a catalog as hold's ``quotas.yaml``, and says what that form cannot carry.

In the form a tier without a price id is free. A plan that is not free and has no such id is left
out, since whoever reads the file would give it away.
"""

from typing import TypeAlias

from services.pricing.capacity import Nothing
from services.pricing.domain import Billing, Catalog, Plan, Price
from services.pricing.sources.losses import Losses
from services.pricing.sources.quotas import CATALOG, ENDING, HOLD_URL, RETENTION_SECONDS
from services.pricing.sources.quotas_schema import PRICE_KEYS
from services.pricing.sources.reading import Exported
from services.pricing.sources.writing import Written, dumped

_Tree: TypeAlias = dict[str, Written]


def quotas_text(catalog: Catalog, hold_url: str = "") -> Exported:
    """Return a catalog as ``quotas.yaml``; ValueError if none of its plans can be said in it.

    Addresses that begin with ``hold_url``, if there is one, are written with ``{hold_url}``.
    """
    return _Writer(catalog, hold_url.rstrip("/")).written()


class _Writer:
    def __init__(self, catalog: Catalog, hold_url: str) -> None:
        self._catalog = catalog
        self._hold_url = hold_url
        self._billing = catalog.billing or _assumed(catalog)
        self._lost = Losses()

    def written(self) -> Exported:
        document: _Tree = {"tiers": self._tiers()}
        defaults = self._defaults()
        if defaults:
            document["defaults"] = defaults
        document["billing"] = self._billing_block()
        self._say_of_catalog()
        return Exported(dumped(document), self._lost.findings())

    def _tiers(self) -> _Tree:
        tiers: _Tree = {}
        for plan in self._catalog.plans.values():
            tier = self._tier(plan)
            if tier is not None:
                tiers[plan.id] = tier
        if not tiers:
            raise ValueError(
                f"catalog {self._catalog.name} has no plan of the kind `nothing` with a limit of "
                "storage, and quotas.yaml has no other kind"
            )
        return tiers

    def _tier(self, plan: Plan) -> _Tree | None:
        key = f"plans.{plan.id}"
        limits = plan.provisions.limits if isinstance(plan.provisions, Nothing) else {}
        if "storage" not in limits:
            self._lost.note(key, "is left out: the form has only tiers of storage")
            return None
        carried = self._carried(plan)
        if not carried and not _free(plan):
            needed = f"a price in {self._billing.currency} with a Stripe id"
            self._lost.note(key, f"is left out: without {needed} it would be free in this form")
            return None
        tier: _Tree = {"quota": limits["storage"]}
        if plan.description:
            tier["description"] = plan.description
        tier |= {name: price.provider_prices["stripe"] for name, price in carried.items()}
        for name in sorted(set(limits) - {"storage"}):
            self._lost.note(f"{key}.provisions.limits.{name}", "has no key in this form")
        self._say_of_plan(key, plan, carried)
        return tier

    def _carried(self, plan: Plan) -> dict[str, Price]:
        """Return the first price of each key that the form has."""
        fitting = [
            price
            for price in plan.prices
            if price.amount.currency == self._billing.currency and "stripe" in price.provider_prices
        ]
        found: dict[str, Price] = {}
        for interval, name in PRICE_KEYS:
            for price in fitting:
                if price.interval is interval:
                    found.setdefault(name, price)
        return found

    def _say_of_plan(self, key: str, plan: Plan, carried: dict[str, Price]) -> None:
        if plan.display_name != plan.id.title():
            self._lost.note(
                f"{key}.name", f"has no key in this form: it is read as {plan.id.title()}"
            )
        if plan.highlights:
            self._lost.note(f"{key}.highlights", "has no key in this form")
        if plan.recommended:
            self._lost.note(f"{key}.recommended", "has no key in this form")
        if not plan.self_service and self._billing.enabled:
            self._lost.note(
                f"{key}.self_service", "has no key in this form: everyone is offered it"
            )
        for price in carried.values():
            said = f"{plan.id}/{price.interval.value}={price.amount.to_decimal()}"
            self._lost.note(f"{key}.prices", f"have no amount in this form: --amounts {said}")
        self._lost.of_other_prices(key, plan.prices, *carried.values())
        self._lost.of_plan(key, plan, ending=ENDING)

    def _defaults(self) -> _Tree:
        catalog = self._catalog
        named = {
            "new_crew_tier": catalog.new_member_plan,
            "plankowner_crew_tier": catalog.grandfathered_plan,
        }
        return {key: tier for key, tier in named.items() if tier}

    def _billing_block(self) -> _Tree:
        billing = self._billing
        form: _Tree = {"enabled": billing.enabled, "currency": billing.currency}
        for name, url in (("success_url", billing.success_url), ("cancel_url", billing.cancel_url)):
            if url:
                form[name] = self._templated(url)
        return form

    def _templated(self, url: str) -> str:
        if self._hold_url and (url + "/").startswith(self._hold_url + "/"):
            return HOLD_URL + url[len(self._hold_url) :]
        return url

    def _say_of_catalog(self) -> None:
        catalog = self._catalog
        self._lost.of_catalog(catalog, name=CATALOG, retention=RETENTION_SECONDS)
        free = [plan.id for plan in catalog.plans.values() if _free(plan)]
        read = catalog.new_member_plan if catalog.new_member_plan in free else (free or [""])[0]
        if catalog.free_plan != read:
            why = f"is read as {read}" if read else "is read as none"
            self._lost.note("free_plan", f"has no key in this form: it {why}")
        for key in catalog.addons:
            self._lost.note(f"addons.{key}", "is left out: the form has no add-ons")


def _free(plan: Plan) -> bool:
    return plan.self_service and not plan.prices


def _assumed(catalog: Catalog) -> Billing:
    """Return the block for a catalog that has none: on if it sells anything."""
    amounts = [price.amount for plan in catalog.plans.values() for price in plan.prices]
    return Billing(bool(amounts), amounts[0].currency if amounts else "usd", "", "")
