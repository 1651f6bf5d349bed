"""What a catalog says and another form cannot: told, never dropped in silence."""

from collections.abc import Sequence

from services.pricing.catalog_yaml import Finding
from services.pricing.domain import Catalog, EndPolicy, Interval, Plan, Price

_NO_KEY = "has no key in this form"


class Losses:
    """Collects what could not be carried over, under the keys of our own form."""

    def __init__(self) -> None:
        self._found: list[Finding] = []

    def findings(self) -> tuple[Finding, ...]:
        """Return what was collected, in the order of telling."""
        return tuple(self._found)

    def note(self, key: str, why: str) -> None:
        """Say that a key cannot be carried."""
        self._found.append(Finding("", 0, key, why))

    def of_plan(self, key: str, plan: Plan, *, ending: EndPolicy) -> None:
        """Tell of what no foreign form has; ``ending`` is what the form's plans end by."""
        if plan.tier:
            self.note(f"{key}.tier", f"{_NO_KEY}: import with --tiers {plan.id}={plan.tier}")
        for name, value in (
            ("features", plan.features),
            ("credits", plan.credits),
            ("trial_days", plan.trial_days),
            ("pin", plan.pin),
        ):
            if value:
                self.note(f"{key}.{name}", _NO_KEY)
        for name, policy in (("on_unpaid", plan.on_unpaid), ("on_end", plan.on_end)):
            if policy is not ending:
                self.note(f"{key}.{name}", f"{_NO_KEY}: its plans end by {ending.value}")

    def of_other_prices(self, key: str, prices: Sequence[Price], *carried: Price) -> None:
        """Tell of the prices that are not carried."""
        for index, price in enumerate(prices):
            if not any(price is one for one in carried):
                said = f"{price.amount} a {price.interval.value} has no place in this form"
                self.note(f"{key}.prices[{index}]", said)

    def of_catalog(self, catalog: Catalog, *, name: str, retention: int) -> None:
        """Tell of what stands above the plans; name and retention are the form's own."""
        if catalog.name != name:
            self.note("catalog", f"{_NO_KEY}: import with --catalog {catalog.name}")
        if catalog.description:
            self.note("description", _NO_KEY)
        if catalog.foreign_checkout_creates_account:
            self.note("foreign_checkout", f"{_NO_KEY}: an import parks foreign checkouts")
        for kind in catalog.kinds:
            self.note(f"kinds.{kind}", _NO_KEY)
        if catalog.sessions is not None:
            self.note("sessions", _NO_KEY)
        if catalog.retention_seconds != retention:
            self.note("retention", f"{_NO_KEY}: an import has {retention // 86_400}d")


def monthly(prices: Sequence[Price]) -> Price | None:
    """Return the first price of a month."""
    return next((price for price in prices if price.interval is Interval.MONTH), None)
