"""Units: what one subscription is bought through, with everything that is known of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.subscription.domain import (
    Account,
    Assignment,
    Evidence,
    GivingWay,
    Order,
    Phase,
    Purchase,
    PurchaseStatus,
    Snapshot,
    State,
    Subscription,
    UnitKey,
)
from services.subscription.granting import PaidInvoice, Reversal
from services.subscription.incoming import ProviderStatus
from services.subscription.ledger import Grant
from services.subscription.lifecycle import assigned_state, begins, standing_of, state_of
from services.subscription.offers import UNTOLD, CapacityKind, Offer


@dataclass(frozen=True, slots=True)
class Holdings:
    """Everything that is known of one account, read under its lock, and the epoch at that time.

    ``invoices`` are of those that were paid for anything the newest of a subscription's first and
    of its renewals, ``grants`` those of each subscription's newest period, by its name.
    ``reversals`` were not applied yet; they are in the order of their ids.
    """

    account: Account
    purchases: Sequence[Purchase] = ()
    evidence: Sequence[Evidence] = ()
    snapshots: Sequence[Snapshot] = ()
    subscriptions: Sequence[Subscription] = ()
    order: Order | None = None
    assignments: Sequence[Assignment] = ()
    giving_way: Sequence[GivingWay] = ()
    epoch: int = 1
    invoices: Sequence[PaidInvoice] = ()
    grants: Mapping[str, Grant] = field(default_factory=dict)
    reversals: Sequence[Reversal] = ()


@dataclass(slots=True)
class Unit:
    """What is known of one unit, and what was made of it so far.

    One that an operation of ours began waits for its checkout, which alone tells whether the money
    was what had been quoted. One whose checkout is barred never begins, and is over if it had; so
    is one that gave way to another.
    An assignment has no money to wait for: it is in force from its begin to its end.
    """

    key: UnitKey
    purchase: Purchase | None = None
    snapshot: Snapshot | None = None
    first_paid: datetime | None = None
    known: Subscription | None = None
    taken: bool = False
    assignment: Assignment | None = None
    gave_way: bool = False

    @property
    def offer(self) -> Offer | None:
        """The newest that could be said; what was sold before goes on if that is nothing."""
        if self.assignment is not None:
            return self.assignment.offer
        seen = self.snapshot.appraisal.offer if self.snapshot else None
        sold = self.known.offer if self.known else None
        bought = self.purchase.appraisal.offer if self.purchase else None
        newest = seen or sold or bought
        if newest and sold and newest.plan == sold.plan:
            # What an older version stored has no terms; they are not lost again by that.
            terms = sold.terms if newest.terms == UNTOLD else newest.terms
            if (newest.catalog_version, newest.terms) != (sold.catalog_version, terms):
                return replace(newest, catalog_version=sold.catalog_version, terms=terms)
        return newest

    @property
    def barred(self) -> bool:
        """Whether it may not begin, or go on: its payment may not, or another took its place."""
        return self.gave_way or (self.purchase is not None and not self.purchase.may_begin)

    @property
    def waits(self) -> bool:
        """Whether it is an operation's of ours whose checkout has not been told of yet."""
        marked = self.snapshot is not None and bool(self.snapshot.seen.payer.account_id)
        return marked and self.purchase is None

    @property
    def customer_id(self) -> str:
        """The provider's customer, as the newest that is known names it; empty for a guest."""
        payers = [self.snapshot.seen.payer] if self.snapshot else []
        payers += [self.purchase.checkout.payer] if self.purchase else []
        named = (payer.customer.customer_id for payer in payers)
        return next((name for name in named if name), self.known.customer_id if self.known else "")

    @property
    def trial_end(self) -> datetime | None:
        """When the trial ends, or ended; None without one."""
        told = self.snapshot.seen.trial_end if self.snapshot else None
        return told or (self.known.trial_end_time if self.known else None)

    @property
    def paid_at(self) -> datetime | None:
        """When the first money for it was paid; None while none was."""
        times = [self.purchase.checkout.pay_time] if self.purchase else []
        times += [self.first_paid] if self.first_paid else []
        return min(times, default=None)

    @property
    def begun(self) -> bool:
        """Whether it is, or ever was, in force."""
        if self.assignment is not None:
            return True
        if self.known is not None and self.known.begin_time is not None:
            return True
        if self.barred or self.waits:
            return False
        offer = self.offer
        seen = self.snapshot.seen if self.snapshot else None
        return offer is not None and begins(seen, offer, paid=self.paid_at is not None)

    @property
    def state(self) -> State:
        """Where it stands by the table, before any end policy."""
        if self.assignment is not None:
            return assigned_state(self.assignment)
        if self.barred:
            return State.CANCELED if self.begun else State.EXPIRED
        seen = self.snapshot.seen if self.snapshot else None
        return state_of(seen, begun=self.begun)

    @property
    def live(self) -> bool:
        """Whether it is in force now."""
        offer = self.offer
        if offer is None or not self.begun:
            return False
        return standing_of(self.state, offer, over=False).phase is Phase.RUNNING

    @property
    def kind(self) -> CapacityKind:
        """What kind of capacity it stands for."""
        offer = self.offer
        return offer.capacity.kind if offer else CapacityKind.NOTHING

    @property
    def end(self) -> datetime | None:
        """When the provider says that it ended; None while it did not, or nobody knows."""
        if self.snapshot is None or self.snapshot.seen.status is not ProviderStatus.CANCELED:
            return None
        seen = self.snapshot.seen
        if seen.cancel_time and seen.period_end and seen.cancel_at_period_end:
            return max(seen.cancel_time, seen.period_end)
        return seen.cancel_time

    @property
    def refused(self) -> bool:
        """Whether its money is to be given back, as things stood so far."""
        status = self.purchase.status if self.purchase else None
        return status is PurchaseStatus.REFUND_DUE


def units_of(holdings: Holdings) -> list[Unit]:
    """Return the units of an account, the earliest paid first."""
    units: dict[UnitKey, Unit] = {}

    def unit(key: UnitKey) -> Unit:
        return units.setdefault(key, Unit(key))

    for purchase in holdings.purchases:
        unit(key_of(purchase)).purchase = purchase
    for snapshot in holdings.snapshots:
        unit(snapshot.key).snapshot = snapshot
    for known in holdings.subscriptions:
        unit(known.key).known = known
    for paid in holdings.evidence:
        unit(paid.key).first_paid = paid.first_paid
    for assignment in holdings.assignments:
        unit(assignment.key).assignment = assignment
    for row in holdings.giving_way:
        unit(row.key).gave_way = row.decided
    # Money for a subscription of which nothing else is known waits for the rest.
    return sorted(units.values(), key=_by_payment)


def key_of(purchase: Purchase) -> UnitKey:
    """Return the unit that a checkout belongs to."""
    customer = purchase.checkout.payer.customer
    subscription = purchase.checkout.provider_subscription_id
    single = "" if subscription else purchase.checkout.checkout_id
    return UnitKey(customer.provider, customer.provider_account, subscription, single)


def _by_payment(unit: Unit) -> tuple[bool, float, str]:
    paid = unit.paid_at
    return paid is None, paid.timestamp() if paid else 0.0, unit.key.subscription_name
