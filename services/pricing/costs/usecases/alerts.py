"""Looks whether budgets are passed, and says so once."""

from collections.abc import Sequence
from fractions import Fraction

from services.chassis.paging import Page, from_token, page_size, to_token
from services.pricing.changes import Change
from services.pricing.costs.budgets import Alert, Budget, alerts_of
from services.pricing.costs.domain import second_of
from services.pricing.costs.forecast import Outlook, outlooks
from services.pricing.costs.months import Window, month_of
from services.pricing.costs.notices import Notice, next_notice
from services.pricing.costs.ports import CostTransactions, Store
from services.pricing.costs.report import MOST_LINES, Sum
from services.pricing.costs.sight import Asker
from services.pricing.costs.telling import deliveries_of
from services.pricing.costs.usecases.budgets import find_budget
from services.pricing.costs.usecases.deliveries import ToldAlert, with_deliveries

_PAGE = 50
_PATIENCE = 30.0
_SYSTEM = Asker("service:pricing", everything=True)


async def list_alerts(
    tx: CostTransactions, asker: Asker, budget: str, asked_size: int, token: str
) -> Page[ToldAlert]:
    """Return a page of alerts, newest first; of one budget, or of all that the caller may see.

    UnknownBudget for a budget that the caller may not see, or that never raised one and is gone.
    """
    size, key = page_size(asked_size), from_token(token, int)
    before = int(key[0]) if key else 0

    async def read(store: Store) -> Page[ToldAlert]:
        found = await store.alerts(asker, budget, before, size + 1)
        if budget and not found and not before:
            await find_budget(store, asker, budget)
        page = found[:size]
        told = await with_deliveries(store, page)
        return Page(told, to_token(page[-1].number) if len(found) > size else "")

    return await tx.run(read)


async def evaluate_budgets(tx: CostTransactions, *, notify: bool = True) -> list[Alert]:
    """Raise an alert for each threshold that is passed and was not told of this month.

    With ``notify`` those whom a budget concerns are told of it by a fact. One replica does this at
    a time; another finds nothing to do. Return what was raised now.
    """
    raised: list[Alert] = []
    after = ""
    while True:
        page, alerts = await _evaluate_page(tx, after, notify=notify)
        raised += alerts
        if not page:
            return raised
        after = page


async def _evaluate_page(
    tx: CostTransactions, after: str, *, notify: bool
) -> tuple[str, list[Alert]]:
    """Evaluate some budgets; return the last one's name, empty after the last page."""

    async def act(store: Store) -> tuple[str, list[Alert]]:
        if not await store.only_one_evaluates():
            return "", []
        budgets = await store.budgets(_SYSTEM, after, _PAGE)
        told = await store.notices([one.name for one in budgets]) if notify else {}
        raised: list[Alert] = []
        for budget in budgets:
            reached = await _reached(store, budget)
            raised += [one for one in reached if await _is_raised(store, budget, one)]
            if notify:
                await _notify(store, budget, reached, told.get(budget.name))
        return budgets[-1].name if len(budgets) == _PAGE else "", raised

    return await tx.run(act, timeout=_PATIENCE)


async def _reached(store: Store, budget: Budget) -> list[Alert]:
    """Return an alert for each threshold that is reached now, whether it was raised or not."""
    time = await store.now()
    month, now = month_of(second_of(time)), second_of(time)
    spent: list[Sum] = []
    if month.begin < now:
        spent = list(await store.sums(budget.filter, Window(month.begin, now), (), MOST_LINES))
    found = outlooks(spent, await store.standing(budget.filter), month.end - now)
    currency = budget.amount.currency
    own = next((one for one in found if one.currency == currency), None)
    return alerts_of(budget, month.month, own or _nothing(currency), time)


async def _is_raised(store: Store, budget: Budget, alert: Alert) -> bool:
    """Raise an alert; False if that was done before."""
    if not await store.add_alert(alert):
        return False
    reason = f"{alert.threshold.percent} % of {budget.amount} in {alert.month}"
    await store.audit(Change(_SYSTEM.actor, "budget.alert", budget.name, reason, ""))
    await store.add_deliveries(deliveries_of(alert, budget))
    return True


async def _notify(
    store: Store, budget: Budget, reached: Sequence[Alert], told: Notice | None
) -> None:
    """Tell those whom a budget concerns what is reached, unless that was told."""
    month = month_of(second_of(await store.now())).month
    notice = next_notice(budget, month, reached, told)
    if notice is None:
        return
    current = await store.budget(budget.name, locked=True)
    # Who changed it meanwhile has taken back what was told; the next look tells what is so then.
    if current is not None and current.revision == budget.revision:
        await store.tell(notice)


def _nothing(currency: str) -> Outlook:
    return Outlook(currency, Fraction(0), Fraction(0))
