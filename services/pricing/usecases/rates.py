"""Puts rate cards in force."""

from services.pricing.ports import PricingTransactions, Store
from services.pricing.rates import RateCard


async def has_rate_card(tx: PricingTransactions) -> bool:
    """Tell whether a rate card is in force."""
    return await tx.run(lambda store: store.rate_card()) is not None


async def activate_rate_card(tx: PricingTransactions, card: RateCard, *, edited: bool) -> bool:
    """Put a rate card in force and say whether that changed anything.

    As with catalogs, a version that was in force before is put back only by an edit that this
    process saw (``edited``).
    """

    async def write(store: Store) -> bool:
        await store.lock_activation()
        current = await store.rate_card()
        new = await store.add_rate_card(card)
        if not new and not edited and current is not None:
            return False
        await store.activate_rate_card(card)
        return current is None or current.version != card.version

    return await tx.run(write)
