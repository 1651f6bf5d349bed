"""Finds quotes for those who may see them."""

from services.pricing.errors import UnknownQuote
from services.pricing.ports import QuoteStore
from services.pricing.quotes import Shown
from services.pricing.usecases.asking import Asker


async def find_quote(store: QuoteStore, asker: Asker, name: str) -> Shown:
    """Return a quote as it stands; UnknownQuote also for somebody else's."""
    stored = await store.quote(name)
    if stored is None or not asker.may_see(stored.quote):
        raise UnknownQuote(f"There is no quote {name}.", metadata={"quote": name})
    return Shown(stored, await store.now())
