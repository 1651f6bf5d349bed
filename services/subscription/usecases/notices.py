"""Takes what pricing tells of budgets, each once, in whatever order."""

from services.subscription.auditing import Change
from services.subscription.domain import Account, AccountKind
from services.subscription.noticing import BudgetNotice
from services.subscription.ports import Store, SubscriptionTransactions
from services.subscription.usecases.facts import Envelope

_NOTICED = "budget.noticed"
_NOTHING = "TAKEN_BACK"


async def take_budget_notice(
    tx: SubscriptionTransactions, envelope: Envelope, notice: BudgetNotice
) -> None:
    """Keep what stands of a budget, and record it for each account that it concerns.

    What is no newer changes nothing. An account that is made later has the notice, too.
    """

    async def apply(store: Store) -> None:
        if not await store.put_budget_notice(notice):
            return
        concerned = [account.name for account in await _concerned(store, notice)]
        for name in concerned or [notice.budget]:
            await store.audit(_change(envelope, notice, name))

    await tx.run(apply)


async def _concerned(store: Store, notice: BudgetNotice) -> list[Account]:
    found = [
        await store.account(notice.account) if notice.account else None,
        await store.account_named(AccountKind.USER, notice.user) if notice.user else None,
        await store.account_named(AccountKind.ORGANIZATION, notice.organization)
        if notice.organization
        else None,
    ]
    # One account may be named twice: once by each of its names.
    return list({account.name: account for account in found if account is not None}.values())


def _change(envelope: Envelope, notice: BudgetNotice, name: str) -> Change:
    passed = ", ".join(f"{one.percent} % {one.basis.lower()}" for one in notice.passed)
    details = (
        ("budget", notice.budget),
        ("revision", str(notice.revision)),
        ("month", notice.month),
        ("amount", str(notice.amount)),
    )
    return Change(envelope.actor, _NOTICED, name, passed or _NOTHING, details)
