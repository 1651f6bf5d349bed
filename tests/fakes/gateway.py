"""The services as the gateway sees them, in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.ports import IngestAnswer, Ingested, Offer, Provider, Webhook
from services.chassis.identity import Principal, current


@dataclass
class MemoryPayments:
    """Stores each body once, as payments does by event id."""

    stored: list[Webhook] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    decide: Callable[[Webhook], IngestAnswer] | None = None
    callers: list[Principal] = field(default_factory=list)

    async def ingest(self, webhooks: Sequence[Webhook]) -> Sequence[IngestAnswer]:
        """Store what is new."""
        self.batches.append(len(webhooks))
        return [self._one(webhook) for webhook in webhooks]

    async def provider(self) -> Provider:
        """Return a provider with everything on."""
        self.callers.append(current())
        return Provider("stripe", checkout=True, portal=True, webhooks=True, addons=True)

    def _one(self, webhook: Webhook) -> IngestAnswer:
        if self.decide is not None:
            return self.decide(webhook)
        if any(known.body == webhook.body for known in self.stored):
            return IngestAnswer(Ingested.DUPLICATE)
        self.stored.append(webhook)
        return IngestAnswer(Ingested.STORED)


@dataclass
class MemoryPricing:
    """Plans and add-ons by catalog."""

    plan_offers: dict[str, list[Offer]] = field(default_factory=dict)
    addon_offers: dict[str, list[Offer]] = field(default_factory=dict)

    async def plans(self, catalog: str) -> Sequence[Offer]:
        """Return a catalog's plans."""
        return self.plan_offers.get(catalog, [])

    async def addons(self, catalog: str) -> Sequence[Offer]:
        """Return a catalog's add-ons."""
        return self.addon_offers.get(catalog, [])
