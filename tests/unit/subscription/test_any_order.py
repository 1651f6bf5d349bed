"""The same facts in any order, any number of times, with faults in between: the same account."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis.errors import Unavailable
from services.subscription.domain import Phase, PurchaseStatus
from services.subscription.incoming import (
    CheckoutPaid,
    InvoicePaid,
    Payer,
    ProviderStatus,
    ProviderSubscription,
)
from services.subscription.lifecycle import RUNNING
from services.subscription.ports import Selection
from services.subscription.units import key_of
from services.subscription.usecases import decide_refunds, give_refunds
from tests.fakes.memory_db import CommitFate, MemoryDatabase
from tests.fakes.memory_outbox import MemoryOutbox
from tests.fakes.subscription_world import (
    USD,
    SteadyClock,
    World,
    checkout,
    customer,
    invoice,
    memory_world,
    seen,
)

Given = tuple[object, int]

LAST = st.sampled_from(
    [
        (ProviderStatus.ACTIVE, None),
        (ProviderStatus.PAST_DUE, None),
        (ProviderStatus.UNPAID, None),
        (ProviderStatus.PAUSED, None),
        (ProviderStatus.CANCELED, 50),
    ]
)


def life(
    number: int, status: ProviderStatus, ended: int | None, price: str, start: int
) -> list[Given]:
    """Return the facts of one subscription that was bought, billed, and stands so."""
    sub = f"sub_{number}"
    return [
        (checkout(f"cs_{number}", sub=sub, at=start), 0),
        (invoice(f"in_{number}", sub=sub, at=start), 0),
        (seen(sub, ProviderStatus.INCOMPLETE), 1),
        (seen(sub, ProviderStatus.ACTIVE), 2),
        (seen(sub, status, ended=ended, price=price), 3),
        (invoice(f"in_{number}_next", sub=sub, at=start + 20), 0),
    ]


async def outcome(world: World) -> object:
    """Return everything about the customer's account that may not depend on the order."""
    account = await world.owner()
    orders = await world.orders(account)
    return (
        len(await world.accounts()),
        sorted((s.name, s.state, s.offer.plan, s.ending) for s in await world.subscriptions()),
        sorted((p.name, p.status, p.reason, p.subscription) for p in await world.purchases()),
        [(o.incarnation, o.phase, o.plan, o.capacity) for o in orders],
        await world.waiting(),
    )


async def play(facts: Sequence[Given], db: MemoryDatabase | None = None) -> World:
    world = memory_world(db)
    for fact, revision in facts:
        await world.give(fact, revision)
    return world


def shuffled(facts: Sequence[Given], seed: int) -> list[Given]:
    """Return the facts in another order, some of them several times."""
    chance = random.Random(seed)
    again = [fact for fact in facts if chance.random() < 0.4]
    mixed = [*facts, *again]
    chance.shuffle(mixed)
    return mixed


@settings(max_examples=60, deadline=None)
@given(
    last=LAST,
    price=st.sampled_from(["price_a", "price_b", "price_keep"]),
    seed=st.integers(0, 9**9),
)
def test_one_subscription_ends_the_same_in_any_order(
    last: tuple[ProviderStatus, int | None], price: str, seed: int
) -> None:
    facts = life(1, *last, price, 0)

    async def check() -> None:
        assert await outcome(await play(facts)) == await outcome(await play(shuffled(facts, seed)))

    asyncio.run(check())


@settings(max_examples=60, deadline=None)
@given(last=LAST, seed=st.integers(0, 9**9))
def test_one_after_the_other_ends_the_same_in_any_order(
    last: tuple[ProviderStatus, int | None], seed: int
) -> None:
    facts = [
        *life(1, ProviderStatus.CANCELED, 50, "price_a", 0),
        *life(2, *(last[0], 500 if last[1] else None), "price_b", 60),
    ]

    async def check() -> None:
        assert await outcome(await play(facts)) == await outcome(await play(shuffled(facts, seed)))

    asyncio.run(check())


async def check_invariants(world: World, db: MemoryDatabase) -> None:
    account = await world.owner()
    orders = await world.orders(account)
    assert len([order for order in orders if order.phase is not Phase.DELETED]) <= 1
    in_force = [sub for sub in await world.subscriptions() if sub.begin_time]
    runs = bool(orders) and orders[-1].phase is Phase.RUNNING
    assert runs == any(sub.state in RUNNING for sub in in_force)
    sent = [fact.revision for fact in MemoryOutbox(db).waiting("provisioner")]
    assert sent == sorted(set(sent)) == list(range(1, len(sent) + 1))


@settings(max_examples=80, deadline=None)
@given(first=LAST, second=LAST, third=LAST, seed=st.integers(0, 9**9))
def test_rivals_never_both_run_and_no_paid_account_stands_suspended(
    first: tuple[ProviderStatus, int | None],
    second: tuple[ProviderStatus, int | None],
    third: tuple[ProviderStatus, int | None],
    seed: int,
) -> None:
    facts = [
        *life(1, *first, "price_a", 0),
        *life(2, *second, "price_b", 5),
        *life(3, *third, "price_a", 10),
    ]

    async def check() -> None:
        db = MemoryDatabase(SteadyClock())
        world = memory_world(db)
        for fact, revision in shuffled(facts, seed):
            await world.give(fact, revision)
            await check_invariants(world, db)
        billed = any(
            status in (ProviderStatus.ACTIVE, ProviderStatus.PAST_DUE)
            for status, _ in (first, second, third)
        )
        assert ((await world.order()).phase is Phase.RUNNING) == billed
        counts = Counter(purchase.status for purchase in await world.purchases())
        assert counts[PurchaseStatus.PARKED] == 0

    asyncio.run(check())


def marked(facts: Sequence[Given], account: str, quote: str) -> list[Given]:
    """Return the facts as those of an operation of ours, paid for a quote."""
    found: list[Given] = []
    for fact, revision in facts:
        payer = Payer(customer("cus_1"), account_id=account)
        match fact:
            case CheckoutPaid():
                bought = replace(fact, operation_id="op_1", quote=quote, subtotal=USD)
                found.append((replace(bought, payer=payer), revision))
            case InvoicePaid() | ProviderSubscription():
                found.append((replace(fact, payer=payer), revision))
    return found


async def one_account(taker: str, owner: str = "") -> tuple[World, str]:
    """Return a world with an account and a quote for it that somebody took."""
    world = memory_world()
    account = (await world.create(external_id="ann")).account.name
    quote = await world.pricing.create_quote(
        owner or account, Selection("shop/basic"), timedelta(hours=1), "r1"
    )
    world.pricing.quotes["quo_1"] = replace(quote, name="quo_1", taker=taker)
    return world, account


async def facts_outcome(world: World, facts: Sequence[Given]) -> object:
    for fact, revision in facts:
        await world.give(fact, revision)
    return await outcome(world)


@settings(max_examples=60, deadline=None)
@given(last=LAST, seed=st.integers(0, 9**9), taker=st.sampled_from(["", "op_1", "op_2"]))
def test_what_was_paid_for_a_quote_ends_the_same_in_any_order(
    last: tuple[ProviderStatus, int | None], seed: int, taker: str
) -> None:
    async def check() -> None:
        results = []
        for order in (None, seed):
            world, account = await one_account(taker)
            facts = marked(life(1, *last, "price_a", 0), account, "quo_1")
            mixed = facts if order is None else shuffled(facts, order)
            results.append(await facts_outcome(world, mixed))
            if taker == "op_2":
                assert await world.orders(account) == []
                assert await world.subscriptions() == []
                [purchase] = await world.purchases()
                assert (purchase.status, purchase.reason) == ("REFUND_DUE", "QUOTE_MISMATCH")
        assert results[0] == results[1]

    asyncio.run(check())


@settings(max_examples=60, deadline=None)
@given(last=LAST, seed=st.integers(0, 9**9), place=st.integers(0, 12))
def test_a_refused_quote_never_runs_wherever_it_is_given_back_between_its_facts(
    last: tuple[ProviderStatus, int | None], seed: int, place: int
) -> None:
    async def check() -> None:
        world, account = await one_account("op_1", "acc_other")
        facts = shuffled(marked(life(1, *last, "price_a", 0), account, "quo_1"), seed)
        for number, (fact, revision) in enumerate(facts):
            await world.give(fact, revision)
            if number == place:
                await refund(world)
            assert await world.orders(account) == []
        await refund(world)
        [purchase] = await world.purchases()
        assert (purchase.status, purchase.reason) == ("REFUNDED", "QUOTE_MISMATCH")
        assert list(world.shop.refunds.values()) == ["cs_1"]

    asyncio.run(check())


async def refund(world: World) -> None:
    """Decide on what is due now, and give it back."""
    await decide_refunds(world.tx, world.news, delay=timedelta(0))
    await give_refunds(world.tx, world.shop)


@settings(max_examples=80, deadline=None)
@given(second=LAST, seed=st.integers(0, 9**9), place=st.integers(0, 20))
def test_what_was_given_back_is_never_in_force_whatever_comes_before_or_after(
    second: tuple[ProviderStatus, int | None], seed: int, place: int
) -> None:
    facts = [
        *life(1, ProviderStatus.ACTIVE, None, "price_a", 0),
        *life(2, *second, "price_b", 5),
    ]

    async def check() -> None:
        db = MemoryDatabase(SteadyClock())
        world = memory_world(db)
        given_back: set[str] = set()
        for number, (fact, revision) in enumerate(shuffled(facts, seed)):
            await world.give(fact, revision)
            if number >= place:
                await refund(world)
            given_back |= set(world.shop.refunds.values())
            for purchase in await world.purchases():
                back = purchase.checkout.checkout_id in given_back
                assert back == (purchase.status is PurchaseStatus.REFUNDED)
                names = [sub.name for sub in await world.subscriptions() if sub.begin_time]
                assert not (back and key_of(purchase).subscription_name in names)
            await check_invariants(world, db)

    asyncio.run(check())


class _Faulty:
    """Kills at any statement, and loses the answer of a commit either way."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    async def step(self) -> None:
        await asyncio.sleep(0)
        if self._chance.random() < 0.03:
            raise asyncio.CancelledError

    def fate(self) -> CommitFate:
        return self._chance.choices(list(CommitFate), [8, 1, 1])[0]


@settings(max_examples=40, deadline=None)
@given(last=LAST, seed=st.integers(0, 9**9))
def test_kills_between_any_two_statements_and_redelivery_change_nothing(
    last: tuple[ProviderStatus, int | None], seed: int
) -> None:
    facts = life(1, *last, "price_b", 0)

    async def deliver(world: World, fact: object, revision: int) -> None:
        while True:
            try:
                await world.give(fact, revision)
            except (asyncio.CancelledError, Unavailable):
                continue
            return

    async def check() -> None:
        faulty = _Faulty(seed)
        db = MemoryDatabase(SteadyClock(), step=faulty.step, fate=faulty.fate)
        world = memory_world(db)
        mixed = shuffled(facts, seed)
        for start in range(0, len(mixed), 3):
            batch = mixed[start : start + 3]
            await asyncio.gather(*(deliver(world, fact, revision) for fact, revision in batch))
        calm = MemoryDatabase(SteadyClock())
        calm.tables = db.tables
        db.step, db.fate = calm.step, calm.fate
        await check_invariants(world, db)
        assert await outcome(world) == await outcome(await play(facts))

    asyncio.run(check())
