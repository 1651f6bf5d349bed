"""What deployments cost. Nothing is stored."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, TypeVar

from services.chassis.errors import FailedPrecondition
from services.chassis.sharing import SharedRead
from services.pricing.costing import (
    ComparisonRequest,
    Cost,
    DeploymentRequest,
    Offer,
    calculate,
    checked,
    comparison,
    offer_at,
    ranked,
)
from services.pricing.ports import PricingTransactions, Store
from services.pricing.rates import RateCard
from services.pricing.usecases.asking import Asker

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PriceDesk:
    """Where prices come from. ``card_in_force`` is shared by those who ask at once."""

    tx: PricingTransactions
    card_in_force: SharedRead[RateCard]


class _Own(NamedTuple):
    """What an account has of its own may count: it has to be asked for first."""

    card: RateCard
    asked: DeploymentRequest


async def card_in_force(tx: PricingTransactions) -> RateCard:
    """Return the rate card that is in force now."""
    return await tx.single(card_of)


async def card_of(store: Store) -> RateCard:
    """Return the rate card that is in force in a transaction."""
    card = await store.rate_card()
    if card is None:
        raise FailedPrecondition("No rate card is in force.", reason="NO_RATE_CARD")
    return card


async def calculate_price(
    desk: PriceDesk, asker: Asker, asked: DeploymentRequest, account: str = ""
) -> Cost:
    """Return what a deployment costs an account, the asker's own unless another is named.

    InvalidArgument names every bad field at once; NotYourAccount.
    """
    return await price_shown(desk, asker.account(account), lambda: asked, lambda cost: cost)


async def price_shown(
    desk: PriceDesk, account: str, read: Callable[[], DeploymentRequest], shown: Callable[[Cost], T]
) -> T:
    """Show what an account, which ``Asker.account`` let pass, pays for what is read.

    InvalidArgument names every bad field at once. All who ask at once are priced in one go, from
    reading to showing: each would else find the processor's caches full of what is done between
    two calls, and cost half as much again.
    """

    def price(card: RateCard) -> T | _Own:
        asked = read()
        if _is_own(card, asked):
            return _Own(card, asked)
        return shown(calculate(card, checked(card, asked)))

    priced = await desk.card_in_force.each(price)
    if not isinstance(priced, _Own):
        return priced
    card, asked = priced
    tier, today = await standing_of(desk.tx, card, account, asked)
    return shown(calculate(card, checked(card, asked, today), tier))


async def compare_prices(
    desk: PriceDesk,
    asker: Asker,
    asked: ComparisonRequest,
    account: str = "",
    *,
    charge: Callable[[int], None],
) -> list[Offer]:
    """Return what one deployment costs at each place, the cheapest first.

    ``charge`` is told how many prices that are, before they are reckoned, and may refuse. Errors
    as of ``calculate_price``.
    """
    account = asker.account(account)
    card = await desk.card_in_force()
    tier, today = await standing_of(desk.tx, card, account, asked.deployment)
    compared = comparison(card, asked, today)
    charge(len(compared.places))
    offers: list[Offer] = []
    for place in compared.places:
        offers.append(offer_at(card, compared.deployment, place, tier))
        # Others get their turn: there may be many places, and many resources at each.
        await asyncio.sleep(0)
    return ranked(offers)


async def standing_of(
    tx: PricingTransactions, card: RateCard, account: str, asked: DeploymentRequest
) -> tuple[str, date | None]:
    """Return the account's tier and today's date; nothing is asked where neither can matter."""
    if not _is_own(card, asked):
        return "", None
    standing = await tx.single(lambda store: store.standing(account))
    return standing.tier, standing.now.date()


def _is_own(card: RateCard, asked: DeploymentRequest) -> bool:
    """Tell whether an account's tier or today's date may count."""
    return bool(card.account_tiers or asked.coupon)
