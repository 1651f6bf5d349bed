"""Begins the next month of what was given by hand: its credits are granted by month.

Not the retention timer's: a month that begins takes nothing away, so no brake holds it.
"""

from dataclasses import replace
from functools import partial

from services.subscription.auditing import Actor
from services.subscription.domain import Assignment
from services.subscription.granting import month_of
from services.subscription.ports import Store, SubscriptionTransactions
from services.subscription.usecases.settling import settle

BATCH = 100


async def renew_assigned(tx: SubscriptionTransactions, actor: Actor) -> int:
    """Grant what is due by month; return how many accounts that were, at most 100 in one go.

    Of months that passed while nobody looked only the last one counts.
    """
    names = await tx.single(lambda store: store.renewable_accounts(BATCH))
    for name in names:
        await tx.run(partial(_renew, name=name, actor=actor))
    return len(names)


async def _renew(store: Store, *, name: str, actor: Actor) -> None:
    account = await store.lock_account(name)
    if account is None:
        return
    await settle(store, account, actor)
    for assignment in (await store.holdings(account)).assignments:
        await _put_off(store, assignment)


async def _put_off(store: Store, assignment: Assignment) -> None:
    now = await store.now()
    if assignment.renew_time is not None and assignment.renew_time <= now:
        following = None if assignment.over else month_of(assignment, now)[1]
        await store.save_assignment(replace(assignment, renew_time=following))
