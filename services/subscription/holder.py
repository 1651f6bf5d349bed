"""Somebody who holds something, with all of it that an entitlement follows from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from services.subscription.domain import Account, AccountKind, State
from services.subscription.offers import Offer

AccountRef: TypeAlias = str | tuple[AccountKind, str]
"""What an account is asked for by: its name, or its kind and outside name."""


@dataclass(frozen=True, slots=True)
class Held:
    """A subscription that is, or once was, in force, as far as it entitles."""

    offer: Offer
    state: State
    begin_time: datetime
    period_end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """An account with what it holds, the oldest first, as all of it was at one moment.

    ``credits`` is what may be spent of each of its pools, without what is set aside.
    """

    account: Account
    held: Sequence[Held] = ()
    credits: Mapping[str, int] = field(default_factory=dict)
