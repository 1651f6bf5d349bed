"""Payments, as the gateway sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook request as it came in: nothing in it is believed."""

    provider: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Ingested(StrEnum):
    """What became of a webhook request."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    TOO_LARGE = "too large"
    NO_PROVIDER = "no provider"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class IngestAnswer:
    """The outcome of one webhook request, with a stable reason if it was refused."""

    outcome: Ingested
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """The payment provider that is on."""

    name: str
    checkout: bool
    portal: bool
    webhooks: bool
    addons: bool


class Payments(Protocol):
    """The payments service."""

    async def ingest(self, webhooks: Sequence[Webhook]) -> Sequence[IngestAnswer]:
        """Hand over webhook requests; an answer for each, in their order."""
        ...

    async def provider(self) -> Provider:
        """Return the payment provider that is on."""
        ...
