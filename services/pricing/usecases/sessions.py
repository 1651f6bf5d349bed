"""What sessions cost, and what the plans that sell them leave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.chassis.errors import Violations
from services.chassis.money import Money
from services.pricing.domain import Catalog, Interval, Plan, Price, qualified
from services.pricing.errors import NoSessionRates
from services.pricing.ports import CatalogStore, CatalogTransactions
from services.pricing.sessions import Margin, SessionCost, SessionRates, margin, session_cost
from services.pricing.usecases.catalogs import catalog_at, get_plan, plan_of

LONGEST_SESSION = 366 * 86_400
MOST_SESSIONS = 1_000_000_000
_PERIODS = {Interval.YEAR: 12}


@dataclass(frozen=True, slots=True)
class PlanMargin:
    """What one price of a plan leaves; a plan without a price is reckoned with for a month."""

    plan: str
    interval: Interval
    margin: Margin


async def calculate_session_cost(
    tx: CatalogTransactions, name: str, version: str, seconds: int
) -> SessionCost:
    """Return what a session of a plan costs.

    InvalidArgument, UnknownPlan, UnknownCatalog, UnknownCatalogVersion, NoSessionRates.
    """
    bad = Violations()
    if not 0 <= seconds <= LONGEST_SESSION:
        bad.add("duration_seconds", f"expected 0 to {LONGEST_SESSION}, got {seconds}")
    bad.raise_if_any()
    catalog, _ = await get_plan(tx, name, version)
    return session_cost(_rates(catalog), seconds)


async def report_session_margins(
    tx: CatalogTransactions, name: str, asked: Sequence[tuple[str, int]]
) -> tuple[Catalog, list[PlanMargin]]:
    """Return what each price of each plan of a catalog leaves, in its order.

    A plan of which no number of sessions is told is reckoned with all that its credits allow.
    Prices in other currencies than the rates' are left out: no rate of exchange is known here.
    InvalidArgument, UnknownCatalog, UnknownPlan, NoSessionRates.
    """

    async def read(store: CatalogStore) -> Catalog:
        return await catalog_at(store, name, "")

    catalog = await tx.single(read)
    rates, sessions = _rates(catalog), _checked(catalog, asked)
    return catalog, [
        found
        for plan in catalog.plans.values()
        for found in _of_plan(catalog, plan, rates, sessions)
    ]


def _of_plan(
    catalog: Catalog, plan: Plan, rates: SessionRates, asked: Mapping[str, int]
) -> list[PlanMargin]:
    name = qualified(catalog.name, plan.id)
    prices = [one for one in plan.prices if one.amount.currency == rates.currency]
    if not plan.prices:
        prices = [Price(Money.zero(rates.currency), Interval.MONTH, {})]
    return [
        PlanMargin(
            name, one.interval, margin(rates, one.amount, _sessions(plan, one, rates, name, asked))
        )
        for one in prices
    ]


def _sessions(
    plan: Plan, price: Price, rates: SessionRates, name: str, asked: Mapping[str, int]
) -> int:
    if name in asked:
        return asked[name]
    in_a_period = plan.credits // rates.credits if rates.credits else 0
    return in_a_period * _PERIODS.get(price.interval, 1)


def _checked(catalog: Catalog, asked: Sequence[tuple[str, int]]) -> Mapping[str, int]:
    bad = Violations()
    found: dict[str, int] = {}
    for place, (name, sessions) in enumerate(asked):
        if name in found:
            bad.add(f"sessions[{place}].plan", f"{name} stands twice")
        if not 0 <= sessions <= MOST_SESSIONS:
            bad.add(f"sessions[{place}].sessions", f"expected 0 to {MOST_SESSIONS}, got {sessions}")
        found[name] = sessions
    bad.raise_if_any()
    for name in found:
        plan_of(catalog, name.removeprefix(f"{catalog.name}/"))
    return found


def _rates(catalog: Catalog) -> SessionRates:
    if catalog.sessions is None:
        raise NoSessionRates(
            f"Catalog {catalog.name} does not say what sessions cost.",
            metadata={"catalog": catalog.name},
        )
    return catalog.sessions
