"""Who asks for prices at the same time is priced together, and each gets an own answer."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from services.chassis.errors import InvalidArgument
from services.chassis.identity import Principal, acting
from services.chassis.ids import RandomIds
from services.pricing import usecases
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.rates import RateCard
from services.pricing.servicer import PricingServicer
from tests.fakes.pricing import MemoryPricingTransactions
from tests.unit.pricing.rate_cards import CARD as WITH_TIERS
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1 import pricing_service_pb2 as pb

SHIPPED = Path("deploy/rates/default.yaml")
PLAIN = parse_rate_card(SHIPPED.read_text(), str(SHIPPED))
ADA = Principal("ada", "user", "https://login.example/realms/acme")
ROOT = Principal("root", "user", "https://login.example/realms/master", groups=("platform-admin",))
CONTEXT: Any = None


async def prices_of(
    card: RateCard, *cores: str, account: str = ""
) -> tuple[list[pb.CalculatePriceResponse], list[BaseException], list[str]]:
    """Ask for all of them at once; return the answers, the refusals, and each asked alone."""
    tx = MemoryPricingTransactions()
    await usecases.activate_rate_card(tx, card, edited=False)
    await tx.run(lambda store: store.set_tier("globex", "partner"))
    servicer = PricingServicer(tx, RandomIds())
    with acting(ROOT if account else ADA):
        asked = [servicer.CalculatePrice(request(one, account), CONTEXT) for one in cores]
        found = await asyncio.gather(*asked, return_exceptions=True)
        alone = [
            await servicer.CalculatePrice(request(one, account), CONTEXT)
            for one, answer in zip(cores, found, strict=True)
            if not isinstance(answer, BaseException)
        ]
    written = [one for one in found if not isinstance(one, BaseException)]
    answers = [pb.CalculatePriceResponse.FromString(one) for one in written]
    refused = [one for one in found if isinstance(one, BaseException)]
    return answers, refused, [one.hex() for one in alone]


def request(cores: str, account: str) -> pb.CalculatePriceRequest:
    web = pricing_pb2.ResourceSpec(type=f"web-{cores}", cpu=cores)
    deployment = pricing_pb2.Deployment(resources=[web], duration_hours="50")
    return pb.CalculatePriceRequest(deployment=deployment, account=account)


@pytest.mark.parametrize("card", [PLAIN, WITH_TIERS])
async def test_each_gets_the_answer_it_would_have_got_alone(card: RateCard) -> None:
    answers, refused, alone = await prices_of(card, *[str(one) for one in range(1, 20)])
    assert [one.SerializeToString().hex() for one in answers] == alone
    assert [one.cost.resources[0].type for one in answers] == [f"web-{n}" for n in range(1, 20)]
    assert refused == []


async def test_a_bad_request_is_refused_alone_and_by_the_paths_of_its_fields() -> None:
    answers, refused, _ = await prices_of(PLAIN, "1", "lots", "2")
    assert len(answers) == 2
    [bad] = refused
    assert isinstance(bad, InvalidArgument)
    assert [one.field for one in bad.fields] == ["deployment.resources[0].cpu"]


async def test_an_account_of_its_own_tier_has_its_own_prices_also_then() -> None:
    own, _, _ = await prices_of(WITH_TIERS, "1", "2", "3", account="globex")
    usual, _, _ = await prices_of(WITH_TIERS, "1", "2", "3")
    for mine, theirs in zip(own, usual, strict=True):
        assert mine.cost.total.minor_units < theirs.cost.total.minor_units
        assert [one.name for one in mine.cost.discounts] == ["partner"]
