"""The credit ledger: what moves credits, from which side to which. Values and rules only.

Double entry: an entry takes its amount from one side and gives it to another, so the sums over
all sides are zero by construction. A customer's sides are ``available`` and ``held``; the others
are the product's. Entries are never changed; each has a name derived from the key of its effect.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from services.chassis.ids import derived

MOST = 1_000_000_000
"""The most that one request may grant, spend or hold."""
LONGEST_TEXT = 255
DEFAULT_HOLD_SECONDS = 900
LONGEST_HOLD_SECONDS = 86_400


class EntryKind(StrEnum):
    """What an entry shows."""

    GRANT = "GRANT"
    DEBIT = "DEBIT"
    HOLD = "HOLD"
    CAPTURE = "CAPTURE"
    RELEASE = "RELEASE"
    EXPIRE = "EXPIRE"
    REVERSAL = "REVERSAL"
    RESTORE = "RESTORE"


class Side(StrEnum):
    """Where credits come from and go to."""

    AVAILABLE = "available"
    HELD = "held"
    GRANTED = "granted"
    SPENT = "spent"
    EXPIRED = "expired"
    REVERSED = "reversed"
    DEBT = "debt"


class Movement(StrEnum):
    """What can happen to credits. A reversal takes what is left, and owes what was spent."""

    GRANT = "GRANT"
    DEBIT = "DEBIT"
    HOLD = "HOLD"
    CAPTURE = "CAPTURE"
    RELEASE = "RELEASE"
    EXPIRE = "EXPIRE"
    TAKE_BACK = "TAKE_BACK"
    OWE = "OWE"
    RESTORE = "RESTORE"
    FORGIVE = "FORGIVE"


@dataclass(frozen=True, slots=True)
class Move:
    """One kind of movement: its entry's kind and sides, and the sign by which each total moves."""

    kind: EntryKind
    debit: Side
    credit: Side
    posted: int = 0
    held: int = 0
    debt: int = 0


MOVES: Mapping[Movement, Move] = MappingProxyType(
    {
        Movement.GRANT: Move(EntryKind.GRANT, Side.GRANTED, Side.AVAILABLE, posted=1),
        Movement.DEBIT: Move(EntryKind.DEBIT, Side.AVAILABLE, Side.SPENT, posted=-1),
        Movement.HOLD: Move(EntryKind.HOLD, Side.AVAILABLE, Side.HELD, held=1),
        Movement.CAPTURE: Move(EntryKind.CAPTURE, Side.HELD, Side.SPENT, posted=-1, held=-1),
        Movement.RELEASE: Move(EntryKind.RELEASE, Side.HELD, Side.AVAILABLE, held=-1),
        Movement.EXPIRE: Move(EntryKind.EXPIRE, Side.AVAILABLE, Side.EXPIRED, posted=-1),
        Movement.TAKE_BACK: Move(EntryKind.REVERSAL, Side.AVAILABLE, Side.REVERSED, posted=-1),
        Movement.OWE: Move(EntryKind.REVERSAL, Side.DEBT, Side.REVERSED, debt=1),
        Movement.RESTORE: Move(EntryKind.RESTORE, Side.REVERSED, Side.AVAILABLE, posted=1),
        Movement.FORGIVE: Move(EntryKind.RESTORE, Side.REVERSED, Side.DEBT, debt=-1),
    }
)


class Pool(NamedTuple):
    """The credits of one catalog that an account has."""

    account: str
    name: str


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account may spend of a pool; ``held`` is part of ``posted``."""

    pool: Pool
    posted: int = 0
    held: int = 0
    debt: int = 0
    period_end: datetime | None = None

    @property
    def available(self) -> int:
        """What can be spent."""
        return self.posted - self.held


@dataclass(frozen=True, slots=True)
class Posting:
    """What is to be entered. ``name`` is the entry's: the same effect always has the same."""

    name: str
    pool: Pool
    movement: Movement
    amount: int
    reference: str
    actor: str
    reason: str = ""
    trace_id: str = ""

    @property
    def move(self) -> Move:
        """What it does."""
        return MOVES[self.movement]


@dataclass(frozen=True, slots=True)
class Entry:
    """A posting that was entered, and the totals after it."""

    posting: Posting
    sequence: int
    posted: int
    held: int
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """Credits that were granted, and what became of them.

    ``subscription`` is empty for a grant by hand, which no renewal closes; ``period_start`` is None
    for the first period of a subscription. What is ``held`` stays pinned here: a hold that is given
    back to a ``closed`` grant expires.
    """

    name: str
    pool: Pool
    granted: int
    remaining: int
    subscription: str = ""
    period_start: datetime | None = None
    period_end: datetime | None = None
    held: int = 0
    spent: int = 0
    expired: int = 0
    reversed: int = 0
    closed: bool = False


class HoldState(StrEnum):
    """Where a hold stands; it leaves HELD once."""

    HELD = "HELD"
    CAPTURED = "CAPTURED"
    RELEASED = "RELEASED"


@dataclass(frozen=True, slots=True)
class Part:
    """How much of something is of which grant."""

    grant: str
    amount: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Credits that are set aside, and the grants that they are of."""

    name: str
    pool: Pool
    amount: int
    reference: str
    state: HoldState
    expire_time: datetime
    create_time: datetime
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class SpendRequest:
    """What is asked for: by whom, from which pool, under which key. ``lifetime`` is a hold's."""

    pool: Pool
    amount: int
    reference: str
    actor: str
    request_id: str
    trace_id: str = ""
    lifetime: int = 0

    def name(self, what: str) -> str:
        """Return the name of the entry, unique to account, actor, RPC and key (rule 21)."""
        pool = self.pool
        return derived("cre", what, pool.account, pool.name, self.actor, self.request_id)


class DuplicateEntry(Exception):  # noqa: N818 - an answer, not a malfunction
    """Another transaction has entered the same effect; this one is void."""


class OutOfBalance(Exception):  # noqa: N818 - reads as what it is
    """The grants do not hold what the account's row says: a defect here, never bad input."""
