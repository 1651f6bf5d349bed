"""Credits: what is left, and spending it. Each effect takes place once for its key."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from services.chassis.errors import Violations
from services.chassis.identity import Principal
from services.chassis.ids import derived
from services.chassis.paging import Page, from_token, page_size, to_token
from services.subscription.asking import PageRequest
from services.subscription.errors import UnknownAccount
from services.subscription.ledger import (
    DEFAULT_HOLD_SECONDS,
    LONGEST_HOLD_SECONDS,
    LONGEST_TEXT,
    MOST,
    Balance,
    DuplicateEntry,
    Entry,
    Grant,
    Hold,
    HoldState,
    Movement,
    OutOfBalance,
    Part,
    Pool,
    Posting,
    SpendRequest,
)
from services.subscription.ledger_errors import (
    HoldCaptured,
    HoldReleased,
    InsufficientCredits,
    KeyReused,
    UnknownHold,
)
from services.subscription.ports import Store, SubscriptionTransactions
from services.subscription.usecases.sight import sight_of, visible_account

T = TypeVar("T")

Produced = tuple[Entry, Balance]
_SWEEP = 100


async def get_balance(
    tx: SubscriptionTransactions, principal: Principal, claim: str, pool: Pool
) -> Balance:
    """Return what an account may spend; UnknownAccount also for one that may not be seen."""

    async def read(store: Store) -> Balance:
        await visible_account(store, sight_of(principal, claim), pool.account)
        return await store.balance(pool)

    return await tx.run(read)


async def list_entries(
    tx: SubscriptionTransactions, principal: Principal, claim: str, pool: Pool, page: PageRequest
) -> Page[Entry]:
    """Return a page of a pool's entries, oldest first."""
    size, key = page_size(page.size), from_token(page.token, int)
    after = int(key[0]) if key else 0

    async def read(store: Store) -> Page[Entry]:
        await visible_account(store, sight_of(principal, claim), pool.account)
        found = list(await store.list_entries(pool, after, size + 1))
        more = len(found) > size
        return Page(found[:size], to_token(found[size - 1].sequence) if more else "")

    return await tx.run(read)


async def grant(tx: SubscriptionTransactions, asked: SpendRequest) -> Produced:
    """Grant credits by hand; no renewal takes them away. InvalidArgument, UnknownAccount."""
    _check(asked)

    async def act(store: Store) -> Produced:
        posting = _posting(asked, "grant", Movement.GRANT)
        known = await store.entry(posting.name)
        if known is None:
            await _require_account(store, asked.pool)
            await store.open_pool(asked.pool)
            name = derived("grt", posting.name)
            await store.add_grant(Grant(name, asked.pool, asked.amount, asked.amount))
            known = await _entered(store, posting)
        return _same(known, posting, asked), await store.balance(asked.pool)

    return await _once(tx, act)


async def debit(tx: SubscriptionTransactions, asked: SpendRequest) -> Produced:
    """Spend credits at once. InvalidArgument, UnknownAccount, InsufficientCredits."""
    _check(asked)

    async def act(store: Store) -> Produced:
        posting = _posting(asked, "debit", Movement.DEBIT)
        known = await store.entry(posting.name)
        if known is None:
            known = await _entered(store, posting)
            await _taken(store, asked, held=False)
        return _same(known, posting, asked), await store.balance(asked.pool)

    return await _once(tx, act)


async def hold(tx: SubscriptionTransactions, asked: SpendRequest) -> tuple[Hold, Balance]:
    """Set credits aside for at most ``lifetime`` seconds, 0 for 900. Refusals as for ``debit``."""
    _check(asked, lifetime=True)

    async def act(store: Store) -> tuple[Hold, Balance]:
        posting = _posting(asked, "hold", Movement.HOLD)
        name = derived("hld", posting.name)
        known = await store.entry(posting.name)
        if known is None:
            known = await _entered(store, posting)
            parts = await _taken(store, asked, held=True)
            await store.add_hold(await _new_hold(store, asked, name, parts))
        _same(known, posting, asked)
        return await _find(store, name), await store.balance(asked.pool)

    return await _once(tx, act)


async def capture(tx: SubscriptionTransactions, name: str, actor: str, trace_id: str = "") -> Hold:
    """Spend what a hold set aside; again changes nothing. UnknownHold, HoldReleased."""

    async def act(store: Store) -> Hold:
        left = await store.leave_held(name, HoldState.CAPTURED)
        if left is None:
            stands = await _find(store, name)
            if stands.state is HoldState.RELEASED:
                raise HoldReleased(name)
            return stands
        await _entered(store, _of_hold(left, Movement.CAPTURE, actor, trace_id))
        await store.settle_held(left.parts, spent=True)
        return left

    return await tx.run(act)


async def release(
    tx: SubscriptionTransactions, name: str, actor: str, trace_id: str = "", reason: str = ""
) -> Hold:
    """Give back what a hold set aside; again changes nothing. UnknownHold, HoldCaptured.

    What comes back to a grant whose period is over expires at once.
    """

    async def act(store: Store) -> Hold:
        left = await store.leave_held(name, HoldState.RELEASED)
        if left is None:
            stands = await _find(store, name)
            if stands.state is HoldState.CAPTURED:
                raise HoldCaptured(name)
            return stands
        await _entered(store, _of_hold(left, Movement.RELEASE, actor, trace_id, reason))
        expired = await store.settle_held(left.parts, spent=False)
        if expired:
            posting = _of_hold(left, Movement.EXPIRE, actor, trace_id, "PERIOD_OVER")
            await _entered(store, replace(posting, amount=expired))
        return left

    return await tx.run(act)


async def release_expired(tx: SubscriptionTransactions, actor: str) -> int:
    """Give back holds whose time is over; return how many were looked at."""
    names = await tx.single(lambda store: store.expired_holds(_SWEEP))
    for name in names:
        try:
            await release(tx, name, actor, reason="HOLD_EXPIRED")
        except HoldCaptured:
            # It was spent since we looked.
            continue
    return len(names)


def _check(asked: SpendRequest, *, lifetime: bool = False) -> None:
    bad = Violations()
    if not 1 <= asked.amount <= MOST:
        bad.add("amount", f"expected 1 to {MOST}, got {asked.amount}")
    for field, text in (
        ("account", asked.pool.account),
        ("pool", asked.pool.name),
        ("reference", asked.reference),
        ("request_id", asked.request_id),
    ):
        if not 1 <= len(text) <= LONGEST_TEXT or not text.isprintable():
            bad.add(field, f"expected 1 to {LONGEST_TEXT} printable characters")
    if lifetime and not 0 <= asked.lifetime <= LONGEST_HOLD_SECONDS:
        bad.add("lifetime_seconds", f"expected 1 to {LONGEST_HOLD_SECONDS}, or 0")
    bad.raise_if_any()


def _posting(asked: SpendRequest, what: str, movement: Movement) -> Posting:
    return Posting(
        name=asked.name(what),
        pool=asked.pool,
        movement=movement,
        amount=asked.amount,
        reference=asked.reference,
        actor=asked.actor,
        trace_id=asked.trace_id,
    )


def _of_hold(
    hold: Hold, movement: Movement, actor: str, trace_id: str, reason: str = ""
) -> Posting:
    return Posting(
        name=derived("cre", movement, hold.name),
        pool=hold.pool,
        movement=movement,
        amount=hold.amount,
        reference=hold.name,
        actor=actor,
        reason=reason,
        trace_id=trace_id,
    )


async def _once(tx: SubscriptionTransactions, act: Callable[[Store], Awaitable[T]]) -> T:
    """Run it; if the same was entered by another transaction meanwhile, answer as that did."""
    try:
        return await tx.run(act)
    except DuplicateEntry:
        return await tx.run(act)


async def _entered(store: Store, posting: Posting) -> Entry:
    entry = await store.post(posting)
    if entry is None:
        if await store.entry(posting.name) is not None:
            # The same call, made twice at once: what is missing is what the other has just taken.
            raise DuplicateEntry(posting.name)
        await _require_account(store, posting.pool)
        left = (await store.balance(posting.pool)).available
        raise InsufficientCredits(left, posting.amount)
    return entry


async def _taken(store: Store, asked: SpendRequest, *, held: bool) -> Sequence[Part]:
    parts = await store.take_from_grants(asked.pool, asked.amount, held=held)
    if sum(part.amount for part in parts) != asked.amount:
        raise OutOfBalance(f"The grants of {asked.pool} hold less than its row says.")
    return parts


async def _new_hold(store: Store, asked: SpendRequest, name: str, parts: Sequence[Part]) -> Hold:
    now = await store.now()
    return Hold(
        name=name,
        pool=asked.pool,
        amount=asked.amount,
        reference=asked.reference,
        state=HoldState.HELD,
        expire_time=now + timedelta(seconds=asked.lifetime or DEFAULT_HOLD_SECONDS),
        create_time=now,
        parts=tuple(parts),
    )


async def _require_account(store: Store, pool: Pool) -> None:
    if await store.account(pool.account) is None:
        raise UnknownAccount(pool.account)


async def _find(store: Store, name: str) -> Hold:
    found = await store.hold(name)
    if found is None:
        raise UnknownHold(name)
    return found


def _same(entry: Entry, posting: Posting, asked: SpendRequest) -> Entry:
    """Return what stands under the key; KeyReused if that was for something else."""
    stands = entry.posting
    if (stands.amount, stands.reference) != (posting.amount, posting.reference):
        raise KeyReused(asked.request_id)
    return entry
