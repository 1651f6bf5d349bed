"""One open page for an account, one customer for good, and money that is what was quoted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import pytest

from services.chassis.deadline import within
from services.chassis.errors import InvalidArgument
from services.chassis.idempotency import IdempotencyConflict
from services.chassis.money import Money
from services.payments.binding import OperationKind, OperationState
from services.payments.checkouts import customer_for
from services.payments.commerce import PageState
from services.payments.domain import AccountId, OperationId
from services.payments.errors import (
    CheckoutCompleted,
    CheckoutTooLate,
    InProgress,
    KeyNotVerified,
    NoCustomer,
    PromotionCodeInvalid,
    ProviderOff,
    ProviderUnreachable,
    QuoteMismatch,
    UnknownCheckout,
)
from services.payments.operations import work_on
from services.payments.turns import AT_ONCE
from services.payments.usecases import create_portal_session, get_checkout
from services.payments.worker import HANDLERS
from tests.fakes.payments import MemoryProvider
from tests.fakes.payments_commerce import MemoryCommerce
from tests.fakes.payments_rows import CUSTOMERS
from tests.unit.payments.selling_world import ACCOUNT, SellingWorld


@pytest.fixture
async def world() -> AsyncIterator[SellingWorld]:
    world = SellingWorld()
    async with world.worker():
        yield world


async def test_a_page_is_made_with_its_operation_written_down_before_the_call(
    world: SellingWorld,
) -> None:
    seen: list[tuple[OperationKind, bytes]] = []

    async def look(call: str) -> None:
        if call in ("create_customer", "create_checkout"):
            operation = world.operations()[-1 if call == "create_customer" else 0]
            assert operation.state is OperationState.STARTED
            seen.append((operation.kind, operation.parameters))

    world.commerce.at = look
    found = await world.buy()
    assert found.page.state is PageState.OPEN
    assert found.page.url
    assert [kind for kind, _ in seen] == [OperationKind.CUSTOMER, OperationKind.CHECKOUT]
    assert all(parameters for _, parameters in seen)
    session = world.commerce.sessions[found.page.id]
    assert session.marker.operation_id == found.place.operation_id
    assert (session.marker.account_id, session.marker.deployment) == (ACCOUNT, "tollgate")


async def test_nothing_that_is_kept_holds_the_url(world: SellingWorld) -> None:
    found = await world.buy(request_id="r1")
    kept = repr(dict(world.db.tables))
    assert found.page.id in kept
    assert found.page.url not in kept


async def test_a_replay_is_the_same_page_seen_again(world: SellingWorld) -> None:
    wanted = world.wanted()
    first = await world.buy(wanted, "r1")
    assert await world.buy(wanted, "r1") == first
    world.commerce.pay(first.page.id)
    again = await world.buy(wanted, "r1")
    assert (again.page.id, again.page.state) == (first.page.id, PageState.COMPLETE)


async def test_a_replay_is_not_judged_by_the_time_that_has_passed_since(
    world: SellingWorld,
) -> None:
    wanted = world.wanted()
    first = await world.buy(wanted, "r1")
    world.clock.ahead = timedelta(hours=2)
    again = await world.buy(wanted, "r1")
    assert (again.page.id, again.page.state) == (first.page.id, PageState.EXPIRED)


async def test_other_content_under_the_same_key_is_refused_and_anothers_key_is_another(
    world: SellingWorld,
) -> None:
    first = await world.buy(world.wanted(), "r1")
    with pytest.raises(IdempotencyConflict):
        await world.buy(world.wanted("price_2"), "r1")
    other = await world.buy(world.wanted("price_2"), "r1", "acc_2")
    assert other.page.id != first.page.id


async def test_another_email_under_the_same_key_asks_for_nothing_else(world: SellingWorld) -> None:
    wanted = world.wanted()
    first = await world.buy(wanted, "r1")
    changed = world.wanted(expire_time=wanted.expire_time, customer_id="cus_hint")
    assert (await world.buy(changed, "r1")).page.id == first.page.id


async def test_the_same_ask_joins_the_open_page_and_after_its_end_makes_a_new_one(
    world: SellingWorld,
) -> None:
    first = await world.buy()
    same = await world.buy()
    assert (same.page, same.place.operation_id) == (first.page, first.place.operation_id)
    world.clock.ahead = timedelta(hours=2)
    later = await world.buy()
    assert later.page.id != first.page.id
    assert world.places() == ["CLOSED", "OPEN"]


async def test_eight_at_once_make_one_customer_and_one_page(world: SellingWorld) -> None:
    pages = await asyncio.gather(*(world.buy() for _ in range(8)))
    assert len({found.page.id for found in pages}) == 1
    assert all(found.page.url for found in pages)
    assert len(world.commerce.customers) == len(world.commerce.sessions) == 1


async def test_eight_different_asks_at_once_leave_one_page_open(world: SellingWorld) -> None:
    asks = [world.wanted(quote=f"quo_{number}") for number in range(8)]
    await asyncio.gather(*(world.buy(one) for one in asks))
    assert len(world.commerce.customers) == 1
    assert len(world.commerce.open_pages()) == 1
    assert sorted(world.places()) == ["CLOSED"] * 7 + ["OPEN"]
    # Whoever waits for its turn does not shut what another shuts for its own.
    assert world.commerce.calls.count("expire_checkout") == 7
    assert len(world.selling.turns) == 0


async def test_another_ask_shuts_the_page_that_is_open(world: SellingWorld) -> None:
    first = await world.buy()
    other = await world.buy(world.wanted("price_2"))
    assert world.commerce.open_pages() == [other.page.id]
    assert other.page.customer_id == first.page.customer_id


async def test_a_page_completed_meanwhile_keeps_its_place_for_its_time(
    world: SellingWorld,
) -> None:
    first = await world.buy()
    world.commerce.pay(first.page.id)
    for wanted in (world.wanted("price_2"), world.wanted()):
        with pytest.raises(CheckoutCompleted) as refused:
            await world.buy(wanted)
        assert refused.value.metadata == {"checkout": first.page.id}
    world.clock.ahead = timedelta(hours=2)
    assert (await world.buy()).page.state is PageState.OPEN
    assert world.places() == ["COMPLETE", "OPEN"]


async def test_a_subtotal_that_is_not_the_quotes_is_refused_and_its_page_shut(
    world: SellingWorld,
) -> None:
    wanted = world.wanted(subtotal=Money("eur", 4800))
    for _ in range(2):
        with pytest.raises(QuoteMismatch):
            await world.buy(wanted, "r1")
    with pytest.raises(QuoteMismatch):
        await world.buy(world.wanted(subtotal=Money("usd", 4900)))
    assert world.commerce.open_pages() == []
    assert len(world.commerce.sessions) == 2
    assert (await world.buy()).page.state is PageState.OPEN


async def test_a_promotion_code_that_is_not_in_force_makes_no_page(world: SellingWorld) -> None:
    with pytest.raises(PromotionCodeInvalid):
        await world.buy(world.wanted(promotion_code="HALF"))
    world.commerce.codes.add("HALF")
    assert (await world.buy(world.wanted(promotion_code="HALF"))).page.url


@pytest.mark.parametrize("minutes", [-5, 0, 20, 25 * 60])
async def test_a_page_lasts_thirty_minutes_to_a_day(world: SellingWorld, minutes: int) -> None:
    ends = world.clock.now() + timedelta(minutes=minutes)
    with pytest.raises(InvalidArgument) as refused:
        await world.buy(world.wanted(expire_time=ends), "r1")
    assert refused.value.fields[0].field == "expire_time"
    assert world.operations() == []


@pytest.mark.parametrize("minutes", [30, 24 * 60])
async def test_a_page_at_the_edge_of_what_the_provider_takes_is_made(
    world: SellingWorld, minutes: int
) -> None:
    ends = world.clock.now() + timedelta(minutes=minutes)
    found = await world.buy(world.wanted(expire_time=ends))
    assert found.page.expire_time is not None
    lasts = found.page.expire_time - world.clock.now()
    assert timedelta(minutes=30) < lasts < timedelta(hours=24)


async def test_a_quote_whose_time_ended_while_the_provider_was_away_makes_no_page(
    world: SellingWorld,
) -> None:
    async def away(_call: str) -> None:
        raise ProviderUnreachable("away")

    world.commerce.at = away
    wanted = world.wanted()
    with pytest.raises(ProviderUnreachable):
        await world.buy(wanted, "r1")
    world.clock.ahead = timedelta(hours=2)
    world.commerce.at = world.commerce.after
    with pytest.raises(CheckoutTooLate):
        await world.buy(wanted, "r1")


async def test_a_hint_counts_while_no_customer_is_known_and_only_if_the_provider_shows_it(
    world: SellingWorld,
) -> None:
    world.commerce.customers["cus_shop"] = None
    found = await world.buy(world.wanted(customer_id="cus_shop"))
    assert found.page.customer_id == "cus_shop"
    again = await world.buy(world.wanted("price_2", customer_id="cus_gone"))
    assert again.page.customer_id == "cus_shop"
    gone = await world.buy(world.wanted(customer_id="cus_gone"), account="acc_2")
    assert gone.page.customer_id not in ("cus_gone", "cus_shop")
    taken = await world.buy(world.wanted(customer_id="cus_shop"), account="acc_3")
    assert taken.page.customer_id != "cus_shop"
    assert len(set(world.db.committed(CUSTOMERS).values())) == 3


async def test_two_operations_of_one_account_make_one_customer_between_them(
    world: SellingWorld,
) -> None:
    found = await world.buy()
    (one,) = [op for op in world.operations() if op.id == found.place.operation_id]
    new = AccountId("acc_new")
    causes = [replace(one, id=OperationId(f"op_{number}"), account_id=new) for number in range(4)]
    made = await asyncio.gather(
        *(customer_for(world.selling, cause, world.wanted()) for cause in causes)
    )
    assert len(set(made)) == 1
    assert len(world.commerce.customers) == 2


async def test_a_page_is_shown_to_its_own_account_only(world: SellingWorld) -> None:
    found = await world.buy()
    assert await get_checkout(world.selling, ACCOUNT, found.page.id) == found
    with pytest.raises(UnknownCheckout):
        await get_checkout(world.selling, AccountId("acc_2"), found.page.id)
    with pytest.raises(UnknownCheckout):
        await get_checkout(world.selling, ACCOUNT, "cs_unknown")


async def test_the_portal_is_the_accounts_own_customers(world: SellingWorld) -> None:
    back = "https://shop.example.com/"
    with pytest.raises(NoCustomer):
        await create_portal_session(world.selling, ACCOUNT, back, "")
    found = await world.buy()
    customer = found.page.customer_id
    assert customer in await create_portal_session(world.selling, ACCOUNT, back, "cus_hint")
    other = AccountId("acc_2")
    assert "cus_hint" in await create_portal_session(world.selling, other, back, "cus_hint")
    with pytest.raises(NoCustomer):
        await create_portal_session(world.selling, other, back, customer)


async def test_nothing_is_sold_while_no_provider_is_on_or_its_key_is_not_verified(
    world: SellingWorld,
) -> None:
    world.selling.key.assume(world.selling.key.identity, "not compared yet")
    # It will be in a moment: whoever asks may ask again.
    with pytest.raises(ProviderUnreachable):
        await world.buy()
    world.selling.key.refuse("of another account")
    with pytest.raises(KeyNotVerified):
        await world.buy()
    assert isinstance(world.selling.provider, MemoryProvider)
    world.selling.provider.capabilities = type(world.selling.provider.capabilities)()
    with pytest.raises(ProviderOff):
        await world.buy()
    assert world.operations() == []


async def test_many_asks_of_one_account_leave_the_worker_to_the_others(
    world: SellingWorld,
) -> None:
    made, go_on = asyncio.Event(), asyncio.Event()

    async def hang(call: str) -> None:
        if call == "create_customer" and not made.is_set():
            made.set()
            await go_on.wait()

    world.commerce.at = hang
    many = [
        asyncio.create_task(world.buy(world.wanted(trial_days=days), f"r{days}"))
        for days in range(20)
    ]
    await asyncio.wait_for(made.wait(), 5)
    async with asyncio.timeout(5):
        while len(world.operations()) < len(many):  # noqa: ASYNC110 - no event of ours
            await asyncio.sleep(0)
    try:
        found = await asyncio.wait_for(world.buy(account="acc_2"), 3)
    finally:
        go_on.set()
        for one in many:
            one.cancel()
        await asyncio.gather(*many, return_exceptions=True)
    assert found.page.state is PageState.OPEN


async def test_whoever_has_the_accounts_place_is_worked_on_though_others_sit_and_wait() -> None:
    world = SellingWorld()
    with within(0.6), pytest.raises(InProgress):
        await world.buy(request_id="r1")
    with within(0.6), pytest.raises(InProgress):
        await world.buy(world.wanted(trial_days=1), "r2")
    first, second = world.operations()

    async def fail(call: str) -> None:
        raise ProviderUnreachable("away")

    world.commerce.at = fail
    with pytest.raises(ProviderUnreachable):
        await work_on(world.selling, first.id, HANDLERS)
    assert world.places() == ["OPEN"]
    world.commerce.at = MemoryCommerce().at
    with ExitStack() as seats:
        for _ in range(AT_ONCE):
            assert seats.enter_context(world.selling.turns.seat(ACCOUNT))
        assert await work_on(world.selling, second.id, HANDLERS) is not None
        assert await work_on(world.selling, first.id, HANDLERS) is None
    assert len(world.commerce.open_pages()) == 1
