"""A model of the credit ledger, and schedules that are played against it and the real thing.

The model is as plain as can be: one list of buckets, no keys, no rows. What it and the ledger must
agree on after every action is what an account may spend.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from hypothesis import strategies as st

from services.chassis.money import Money
from services.subscription.incoming import InvoicePaid, PaymentReversed, ReversalKind
from services.subscription.ledger import Balance, Entry, Movement, Pool, Side, SpendRequest
from services.subscription.ledger_errors import HoldCaptured, HoldReleased, InsufficientCredits
from services.subscription.offers import Terms
from services.subscription.usecases import spending
from services.subscription.usecases.reversals import take_reversal
from tests.fakes.subscription_pricing import Catalog, Sold
from tests.fakes.subscription_world import START, USD, World, checkout, envelope, invoice, seen

GRANTED = 5000
MONTH = timedelta(days=30)


def ledger_catalog() -> Catalog:
    """Return a catalog of one plan, which grants credits."""
    terms = Terms("Credits", "basic", credits=GRANTED)
    return Catalog(price_credits=Sold("shop/credits", terms=terms))


@dataclass(frozen=True)
class Grant:
    """An operator gives credits."""

    amount: int


@dataclass(frozen=True)
class Debit:
    """Credits are spent; said ``times`` times under one key."""

    amount: int
    times: int = 1


@dataclass(frozen=True)
class Hold:
    """Credits are set aside; said ``times`` times under one key."""

    amount: int
    times: int = 1


@dataclass(frozen=True)
class Capture:
    """The hold of this number, counted round, is spent."""

    number: int
    times: int = 1


@dataclass(frozen=True)
class Release:
    """The hold of this number, counted round, is given back."""

    number: int
    times: int = 1


@dataclass(frozen=True)
class Pay:
    """The renewal of a month is paid, and told ``times`` times."""

    month: int
    times: int = 1


@dataclass(frozen=True)
class Refund:
    """A share of a month's payment, in percent, goes back; told ``times`` times."""

    month: int
    percent: int
    times: int = 1


Action = Grant | Debit | Hold | Capture | Release | Pay | Refund

_amounts = st.integers(1, GRANTED + 500)
_times = st.sampled_from([1, 1, 1, 2])
actions: st.SearchStrategy[Action] = st.one_of(
    st.builds(Grant, st.integers(1, 300)),
    st.builds(Debit, _amounts, _times),
    st.builds(Debit, st.integers(1, 400), _times),
    st.builds(Hold, st.integers(1, 2000), _times),
    st.builds(Capture, st.integers(0, 5), _times),
    st.builds(Release, st.integers(0, 5), _times),
    st.builds(Pay, st.integers(1, 4), _times),
    st.builds(Refund, st.integers(0, 4), st.sampled_from([10, 50, 100]), _times),
)
schedules = st.lists(actions, max_size=25)


@dataclass
class Bucket:
    """Credits of one period, or of no period."""

    month: int | None
    granted: int
    left: int
    held: int = 0
    spent: int = 0
    back: int = 0
    owed: int = 0
    closed: bool = False


@dataclass
class ModelHold:
    """What is set aside, by bucket."""

    parts: list[tuple[Bucket, int]]
    state: str = "HELD"


@dataclass
class Model:
    """What an account may spend, by the rules."""

    buckets: list[Bucket] = field(default_factory=list)
    holds: list[ModelHold] = field(default_factory=list)
    paid: set[int] = field(default_factory=set)

    @property
    def available(self) -> int:
        return sum(bucket.left for bucket in self.buckets)

    @property
    def held(self) -> int:
        return sum(bucket.held for bucket in self.buckets)

    @property
    def debt(self) -> int:
        return sum(bucket.owed for bucket in self.buckets)

    def grant(self, amount: int) -> None:
        self.buckets.append(Bucket(None, amount, amount))

    def take(self, amount: int) -> list[tuple[Bucket, int]] | None:
        if amount > self.available:
            return None
        parts = []
        for bucket in sorted(self.buckets, key=lambda bucket: bucket.month is None):
            share = min(bucket.left, amount)
            if share:
                bucket.left -= share
                amount -= share
                parts.append((bucket, share))
        return parts

    def debit(self, amount: int) -> bool:
        parts = self.take(amount)
        for bucket, share in parts or ():
            bucket.spent += share
        return parts is not None

    def hold(self, amount: int) -> bool:
        parts = self.take(amount)
        for bucket, share in parts or ():
            bucket.held += share
        if parts is not None:
            self.holds.append(ModelHold(parts))
        return parts is not None

    def leave(self, hold: ModelHold, state: str) -> None:
        if hold.state != "HELD":
            return
        hold.state = state
        for bucket, share in hold.parts:
            bucket.held -= share
            if state == "CAPTURED":
                bucket.spent += share
            elif not bucket.closed:
                bucket.left += share

    def pay(self, month: int) -> None:
        newest = max((b.month for b in self.buckets if b.month is not None), default=-1)
        self.paid.add(month)
        if month <= newest:
            return
        for bucket in self.buckets:
            if bucket.month is not None:
                bucket.left, bucket.closed = 0, True
        self.buckets.append(Bucket(month, GRANTED, GRANTED))

    def refund(self, month: int, percent: int) -> None:
        for bucket in self.buckets:
            if bucket.month != month:
                continue
            due = min(GRANTED * percent // 100, bucket.granted - bucket.back - bucket.owed)
            taken = min(due, bucket.left)
            bucket.left -= taken
            bucket.back += taken
            bucket.owed += max(0, min(due - taken, bucket.spent - bucket.owed))


class Play:
    """Plays a schedule on a service and on the model, and compares after every action."""

    def __init__(self, world: World, who: str = "cus_1") -> None:
        self.world = world
        self.who = who
        self.model = Model()
        self.holds: list[str] = []
        self.account = ""
        self.step = 0
        self.refunds: set[tuple[int, int]] = set()

    @property
    def pool(self) -> Pool:
        return Pool(self.account, "shop")

    async def run(self, schedule: Sequence[Action]) -> None:
        """Play it all; AssertionError where service and model differ."""
        await self._buy()
        for action in schedule:
            self.step += 1
            await self._do(action)
            await self.compare(action)

    async def _buy(self) -> None:
        sub = f"sub_{self.who}"
        bought = checkout(f"cs_{self.who}", self.who, price="price_credits", sub=sub)
        await self.world.give(replace(bought, invoice_id=f"in_{self.who}_0"))
        await self.world.give(seen(sub, who=self.who, price="price_credits"), revision=1)
        await self.world.give(self._invoice(0))
        self.account = await self.world.owner(self.who)
        self.model.pay(0)
        await self.compare("the purchase")

    async def _do(self, action: Action) -> None:
        match action:
            case Grant():
                await spending.grant(self.world.tx, self._asks(action.amount))
                self.model.grant(action.amount)
            case Debit():
                expected = self.model.debit(action.amount)
                for _ in range(action.times):
                    assert expected == await self._accepted(
                        spending.debit, self._asks(action.amount)
                    )
            case Hold():
                await self._hold(action)
            case Capture() | Release():
                await self._leave(action)
            case Pay():
                for _ in range(action.times):
                    await self.world.give(self._invoice(action.month))
                self.model.pay(action.month)
            case Refund():
                await self._refund(action)

    async def _hold(self, action: Hold) -> None:
        expected = self.model.hold(action.amount)
        names = set()
        for _ in range(action.times):
            try:
                hold, _ = await spending.hold(self.world.tx, self._asks(action.amount))
                names.add(hold.name)
            except InsufficientCredits:
                continue
        assert len(names) == expected
        self.holds += names

    async def _leave(self, action: Capture | Release) -> None:
        if not self.holds:
            return
        number = action.number % len(self.holds)
        hold = self.model.holds[number]
        state, leave = (
            ("CAPTURED", spending.capture)
            if isinstance(action, Capture)
            else ("RELEASED", spending.release)
        )
        for _ in range(action.times):
            try:
                await leave(self.world.tx, self.holds[number], "test")
                accepted = True
            except (HoldCaptured, HoldReleased):
                accepted = False
            assert accepted == (hold.state in ("HELD", state))
        self.model.leave(hold, state)

    async def _refund(self, action: Refund) -> None:
        if action.month not in self.model.paid or (action.month, action.percent) in self.refunds:
            return
        self.refunds.add((action.month, action.percent))
        fact = PaymentReversed(
            reversal_id=f"re_{self.who}_{action.month}_{action.percent}",
            kind=ReversalKind.REFUND,
            payer=checkout("cs", self.who).payer,
            amount=Money("usd", USD.minor_units * action.percent // 100),
            paid=Money("usd", USD.minor_units),
            reverse_time=START,
            invoice_id=f"in_{self.who}_{action.month}",
        )
        for _ in range(action.times):
            mail = envelope(fact, fact.reversal_id)
            await take_reversal(self.world.tx, self.world.ids, mail, fact)
        self.model.refund(action.month, action.percent)

    async def _accepted(self, what: object, asks: SpendRequest) -> bool:
        assert callable(what)
        try:
            await what(self.world.tx, asks)
        except InsufficientCredits:
            return False
        return True

    def _asks(self, amount: int) -> SpendRequest:
        return SpendRequest(self.pool, amount, "session", "test", f"key-{self.step}")

    def _invoice(self, month: int) -> InvoicePaid:
        paid = invoice(f"in_{self.who}_{month}", self.who, sub=f"sub_{self.who}")
        return replace(
            paid,
            billing_reason="subscription_cycle" if month else "subscription_create",
            period_start=START + month * MONTH,
            period_end=START + (month + 1) * MONTH,
        )

    async def compare(self, after: object) -> None:
        """Check that the service has what the model says, and that its books balance."""
        balance = await self.world.tx.run(lambda store: store.balance(self.pool))
        told = (balance.available, balance.held, balance.debt)
        assert told == (self.model.available, self.model.held, self.model.debt), after
        await self._check_books(balance)

    async def _check_books(self, balance: Balance) -> None:
        entries = await self.world.tx.run(lambda store: store.list_entries(self.pool, 0, 10_000))
        assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
        sides = sums(entries)
        assert sum(sides.values()) == 0
        assert sides[Side.AVAILABLE] == balance.available
        assert sides[Side.HELD] == balance.held
        assert sides[Side.DEBT] == -balance.debt
        grants = await self.world.tx.run(lambda store: store.grants(self.pool))
        assert sum(grant.remaining for grant in grants) == balance.available
        assert sum(grant.held for grant in grants) == balance.held


def sums(entries: Sequence[Entry]) -> dict[Side, int]:
    """Add up what each side was given, less what was taken from it."""
    sides = dict.fromkeys(Side, 0)
    for entry in entries:
        move, amount = entry.posting.move, entry.posting.amount
        sides[move.debit] -= amount
        sides[move.credit] += amount
    return sides


def count(entries: Sequence[Entry], movement: Movement) -> int:
    """Return how many entries of a movement there are."""
    return sum(entry.posting.movement is movement for entry in entries)
