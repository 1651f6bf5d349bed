"""Words that every room of payments uses: the provider's objects, its account, its capabilities."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, NewType

OperationId = NewType("OperationId", str)
"""An operation of ours, ``op_…``."""

AccountId = NewType("AccountId", str)
"""An account of Tollgate, ``acc_…``; the provider's accounts are plain text."""


class RootKind(StrEnum):
    """Objects that are fetched as a whole; everything else is read as a part of one of them."""

    CHECKOUT = "checkout"
    SUBSCRIPTION = "subscription"
    INVOICE = "invoice"
    REFUND = "refund"
    DISPUTE = "dispute"


_PRIORITIES = {
    RootKind.CHECKOUT: 9,
    RootKind.SUBSCRIPTION: 4,
    RootKind.INVOICE: 4,
    RootKind.REFUND: 4,
    RootKind.DISPUTE: 4,
}


class ObjectRef(NamedTuple):
    """A root object of the provider."""

    kind: RootKind
    id: str

    @property
    def key(self) -> str:
        """Its key in the work queue, such as ``checkout:cs_123``."""
        return f"{self.kind}:{self.id}"

    @property
    def priority(self) -> int:
        """9 is most urgent: somebody waits for a purchase, nobody waits for a renewal."""
        return _PRIORITIES[self.kind]

    @classmethod
    def from_key(cls, key: str) -> "ObjectRef":
        """Read a work queue's key; ValueError if it is none of ours."""
        kind, _, object_id = key.partition(":")
        if not object_id:
            raise ValueError(f"{key!r} names no object")
        return cls(RootKind(kind), object_id)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What can be done with a provider."""

    checkout: bool = False
    portal: bool = False
    webhooks: bool = False
    addons: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose money it is: the provider's account that a key belongs to, and live or test."""

    account: str
    livemode: bool

    def __str__(self) -> str:
        return f"{self.account} ({'live' if self.livemode else 'test'} mode)"


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """The provider that is on, as callers see it; no identity while none is known or needed."""

    name: str
    capabilities: Capabilities
    identity: Identity | None
