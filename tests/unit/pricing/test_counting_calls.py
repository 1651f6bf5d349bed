"""How often a person may ask what things cost; services are not counted."""

import random
from typing import Any

import pytest

from services.chassis.callrate import CallRate
from services.chassis.errors import InvalidArgument, ResourceExhausted
from services.chassis.identity import Caller, Principal, acting, called_by
from services.chassis.ids import RandomIds
from services.pricing import usecases
from services.pricing.errors import NotYourAccount
from services.pricing.servicer import PricingServicer
from tests.fakes.chassis import ManualClock
from tests.fakes.pricing import MemoryPricingTransactions
from tests.unit.pricing.rate_cards import CARD
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1 import pricing_service_pb2 as pb

ADA = Principal("ada", "user", "https://login.example/realms/acme")
BOB = Principal("bob", "user", "https://login.example/realms/acme")
SUBSCRIPTION = Principal("subscription", "service")
ROOT = Principal("root", "user", "https://login.example/realms/master", groups=("platform-admin",))
WEB = pricing_pb2.Deployment(resources=[pricing_pb2.ResourceSpec(type="web", cpu="1")])
CONTEXT: Any = None


@pytest.fixture
async def tx() -> MemoryPricingTransactions:
    transactions = MemoryPricingTransactions()
    await usecases.activate_rate_card(transactions, CARD, edited=False)
    return transactions


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def servicer(tx: MemoryPricingTransactions, clock: ManualClock) -> PricingServicer:
    return PricingServicer(tx, RandomIds(), CallRate(60, clock, burst=6))


async def price(servicer: PricingServicer, account: str = "") -> pb.CalculatePriceResponse:
    request = pb.CalculatePriceRequest(deployment=WEB, account=account)
    return pb.CalculatePriceResponse.FromString(await servicer.CalculatePrice(request, CONTEXT))


async def test_a_person_has_a_burst_and_then_so_many_a_minute(
    servicer: PricingServicer, clock: ManualClock
) -> None:
    with acting(ADA):
        for _ in range(6):
            await price(servicer)
        with pytest.raises(ResourceExhausted) as refused:
            await price(servicer)
        assert refused.value.reason == "RATE_LIMITED"
        assert refused.value.retry_after == pytest.approx(1.0)
        clock.advance(1.0)
        await price(servicer)
    with acting(BOB):
        await price(servicer)


async def test_quotes_and_prices_are_counted_together(servicer: PricingServicer) -> None:
    with acting(ADA):
        for _ in range(3):
            await price(servicer)
            await servicer.CreateQuote(pb.CreateQuoteRequest(deployment=WEB), CONTEXT)
        with pytest.raises(ResourceExhausted):
            await servicer.CreateQuote(pb.CreateQuoteRequest(deployment=WEB), CONTEXT)


async def test_a_comparison_counts_as_many_prices_as_it_has_places(
    servicer: PricingServicer,
) -> None:
    asked = pb.ComparePricesRequest(deployment=WEB)
    with acting(ADA):
        answer = await servicer.ComparePrices(asked, CONTEXT)
        assert len(answer.offers) == 5
        await price(servicer)
        with pytest.raises(ResourceExhausted):
            await price(servicer)


async def test_a_person_behind_the_gateway_is_counted_and_behind_a_service_is_not(
    servicer: PricingServicer,
) -> None:
    with acting(ADA), called_by(Caller("gateway")):
        for _ in range(6):
            await price(servicer)
        with pytest.raises(ResourceExhausted):
            await price(servicer)
    with acting(ADA), called_by(Caller("subscription")):
        for _ in range(10):
            await price(servicer)
    with acting(SUBSCRIPTION), called_by(Caller("subscription")):
        for _ in range(10):
            await price(servicer)


async def test_without_a_rate_nobody_is_counted(tx: MemoryPricingTransactions) -> None:
    servicer = PricingServicer(tx, RandomIds())
    with acting(ADA):
        for _ in range(20):
            await price(servicer)


async def test_who_asks_for_another_is_refused_and_an_operator_is_not(
    servicer: PricingServicer, tx: MemoryPricingTransactions
) -> None:
    with acting(ROOT):
        await servicer.SetAccountTier(
            pb.SetAccountTierRequest(account="acc_1", tier="partner", reason="a partner"), CONTEXT
        )
        assert (await price(servicer, "acc_1")).cost.discounts[0].name == "partner"
    with acting(ADA):
        with pytest.raises(NotYourAccount):
            await price(servicer, "acc_1")
        assert not (await price(servicer, "ada")).cost.discounts
        with pytest.raises(InvalidArgument, match="account"):
            await price(servicer, "x" * 256)
    with acting(SUBSCRIPTION):
        assert (await price(servicer, "acc_1")).cost.discounts


async def test_an_answer_says_who_works_out_the_taxes(servicer: PricingServicer) -> None:
    with acting(ADA):
        cost = (await price(servicer)).cost
    assert (cost.tax, cost.cloud) == (pricing_pb2.TAX_TREATMENT_ADDED_BY_PROVIDER, "home")
    assert not cost.HasField("schedule")


async def test_callers_beyond_number_do_not_fill_the_memory(clock: ManualClock) -> None:
    rate = CallRate(60, clock, burst=2)
    chosen = random.Random(7)
    for _ in range(12_000):
        rate.take(Principal(f"p{chosen.getrandbits(40)}", "user"))
    kept = vars(rate)["_left"]
    assert len(kept) <= 10_000
