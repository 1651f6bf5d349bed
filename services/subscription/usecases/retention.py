"""The retention timer: the only place that orders a deletion.

Due times stand in the database and are compared with its clock, under the account's lock: a
payment that commits before wins, one that commits after buys the next incarnation.
"""

from dataclasses import dataclass
from datetime import timedelta

from services.subscription.auditing import Actor, Alert, Change
from services.subscription.ports import Store, SubscriptionTransactions
from services.subscription.usecases.settling import settle

WINDOW = timedelta(hours=1)
LEAST_LIMIT = 5
SHARE = 50
"""One in so many accounts may be touched within the window."""
TIMER = Actor("subscription.retention")


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep found and did. ``stopped`` says that it would have touched too many.

    ``limit`` is not reckoned where nothing is due.
    """

    due: int
    limit: int
    done: int = 0
    stopped: bool = False
    alerts: tuple[Alert, ...] = ()


async def sweep_retention(
    tx: SubscriptionTransactions,
    *,
    limit: int | None = None,
    actor: Actor = TIMER,
    reason: str = "",
) -> Sweep:
    """Act on every grace that is over, unless that would touch too many accounts.

    The most is max(5, 2 % of the accounts) within an hour, counting what was touched in the hour
    before; a person may give another ``limit`` for one sweep, which is on record.
    """
    if limit is None and not await tx.single(lambda store: store.count_due()):
        return Sweep(due=0, limit=0)
    sweep = await tx.run(lambda store: _look(store, limit))
    if sweep.stopped or not sweep.due:
        return sweep
    if limit is not None:
        await tx.run(lambda store: _note_limit(store, actor, sweep, reason))
    done = 0
    alerts: tuple[Alert, ...] = ()
    for name in await tx.run(lambda store: store.due_accounts(sweep.due)):
        alerts += await expire(tx, name, actor)
        done += 1
    return Sweep(sweep.due, sweep.limit, done, alerts=alerts)


async def _look(store: Store, limit: int | None) -> Sweep:
    due = await store.count_due()
    if limit is not None:
        return Sweep(due, limit, stopped=due > limit)
    allowed = max(LEAST_LIMIT, await store.count_accounts() // SHARE)
    recent = await store.count_over(WINDOW) if due else 0
    return Sweep(due, allowed, stopped=due > 0 and due + recent > allowed)


async def _note_limit(store: Store, actor: Actor, sweep: Sweep, reason: str) -> None:
    details = (("due", str(sweep.due)), ("limit", str(sweep.limit)))
    await store.audit(
        Change(actor, "retention.sweep", "accounts", reason or "LIMIT_GIVEN", details)
    )


async def expire(
    tx: SubscriptionTransactions, account: str, actor: Actor = TIMER
) -> tuple[Alert, ...]:
    """Act on what is over in one account, if it still is once the account is locked."""

    async def act(store: Store) -> tuple[Alert, ...]:
        locked = await store.lock_account(account)
        return await settle(store, locked, actor, permit=True) if locked else ()

    return await tx.run(act)
