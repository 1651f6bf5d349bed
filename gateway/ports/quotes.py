"""Quotes as others check them, as the gateway sees them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.chassis.money import Money


@dataclass(frozen=True, slots=True)
class ObjectWish:
    """A custom resource that is to be made; ``spec`` is its JSON. ``catalog`` empty is the only."""

    api_version: str
    kind: str
    spec: str
    namespace: str = ""
    name: str = ""
    catalog: str = ""


@dataclass(frozen=True, slots=True)
class DerivedResource:
    """A billable resource of an object: cores, and GiB, as decimals."""

    type: str
    cpu: str
    memory: str
    storage: str
    replicas: int


@dataclass(frozen=True, slots=True)
class QuoteMatch:
    """An object is what was quoted; not ``exact`` where it needs less, or differs for nothing."""

    exact: bool
    spec_hash: str


@dataclass(frozen=True, slots=True)
class VerifiedQuote:
    """What a signature that holds says, and where its quote stands: open, taken or expired."""

    name: str
    owner: str
    spec_hash: str
    total: Money
    catalog_version: str
    rate_card_version: str
    payment_required: bool
    issue_time: datetime
    expire_time: datetime
    key_id: str
    state: str
    taker: str


class QuoteChecks(Protocol):
    """What pricing says of quotes that somebody holds in the hand."""

    async def match(self, quote: str, wish: ObjectWish) -> QuoteMatch:
        """Say whether an object is what was quoted; a refusal names the field that differs."""
        ...

    async def verify(self, signature: str) -> VerifiedQuote:
        """Say what a signature says; a refusal if it does not hold."""
        ...

    async def quote_keys(self) -> Sequence[Mapping[str, str]]:
        """Return the public keys as JSON Web Keys, the one that signs first."""
        ...
