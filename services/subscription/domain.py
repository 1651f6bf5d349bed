"""What the subscription service owns: accounts, purchases, subscriptions and capacity orders."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from services.chassis.ids import derived
from services.subscription.incoming import CheckoutPaid, ProviderSubscription
from services.subscription.offers import AddonQuantity, Appraisal, Capacity, Offer


class AccountKind(StrEnum):
    """What kind of somebody holds subscriptions."""

    USER = "USER"
    ORGANIZATION = "ORGANIZATION"
    DID = "DID"


class State(StrEnum):
    """Where a subscription stands; every dialect's word is mapped from these."""

    INCOMPLETE = "INCOMPLETE"
    TRIALING = "TRIALING"
    ACTIVE = "ACTIVE"
    PAST_DUE = "PAST_DUE"
    SUSPENDED = "SUSPENDED"
    PAUSED = "PAUSED"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


class Phase(StrEnum):
    """What the cluster is to hold for an account."""

    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    DELETED = "DELETED"


class Ending(StrEnum):
    """Which of a plan's two end policies governs a subscription, if one does."""

    NONE = "NONE"
    UNPAID = "UNPAID"
    ENDED = "ENDED"


class PurchaseStatus(StrEnum):
    """What became of a paid checkout."""

    APPLIED = "APPLIED"
    REFUND_DUE = "REFUND_DUE"
    PARKED = "PARKED"
    REFUNDED = "REFUNDED"


class Reason(StrEnum):
    """Stable reasons of refunds and of parking."""

    ACCOUNT_HAS_SUBSCRIPTION = "ACCOUNT_HAS_SUBSCRIPTION"
    GAVE_WAY = "GAVE_WAY"
    QUOTE_MISMATCH = "QUOTE_MISMATCH"
    UNKNOWN_QUOTE = "UNKNOWN_QUOTE"
    UNKNOWN_PRICE = "UNKNOWN_PRICE"
    UNKNOWN_CUSTOMER = "UNKNOWN_CUSTOMER"
    UNKNOWN_ACCOUNT = "UNKNOWN_ACCOUNT"
    GUEST_CHECKOUT = "GUEST_CHECKOUT"
    NO_PLAN = "NO_PLAN"
    SEVERAL_PLANS = "SEVERAL_PLANS"
    IMPOSSIBLE_COMBINATION = "IMPOSSIBLE_COMBINATION"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who can hold subscriptions. ``generation`` is the last one given to an order."""

    name: str
    kind: AccountKind
    external_id: str
    email: str
    create_time: datetime
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Purchase:
    """A paid checkout and what became of it. ``account`` is empty while nobody's.

    ``fact_id`` is the fact's that told of it. ``barred`` says why the payment may not begin
    anything, whatever else is known: QUOTE_MISMATCH, or UNKNOWN_QUOTE while that can still change.
    ``refunding`` says that giving it back was decided: from then on it is never applied.
    ``again`` is told of one that is to be asked for now: which time after the first this is.
    """

    name: str
    checkout: CheckoutPaid
    account: str
    appraisal: Appraisal
    status: PurchaseStatus
    reason: str
    create_time: datetime
    fact_id: str
    subscription: str = ""
    barred: str = ""
    refunding: bool = False
    again: int = 0

    @property
    def may_begin(self) -> bool:
        """Whether the payment may begin a subscription, as far as the payment itself goes."""
        refunded = self.refunding or self.status is PurchaseStatus.REFUNDED
        return not self.barred and not refunded


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The newest state of a provider's subscription that came, and what its items stand for."""

    seen: ProviderSubscription
    revision: int
    account: str
    appraisal: Appraisal
    fact_id: str

    @property
    def key(self) -> "UnitKey":
        """The provider's subscription that it shows."""
        return key_of_seen(self.seen)


class UnitKey(NamedTuple):
    """What one subscription comes from: a provider's subscription, a single checkout, or a hand.

    Exactly one of ``provider_subscription_id``, ``checkout_id`` and ``assignment`` is set. The last
    is the subscription's own name, and no provider stands behind it.
    """

    provider: str
    provider_account: str
    provider_subscription_id: str = ""
    checkout_id: str = ""
    assignment: str = ""

    @property
    def subscription_name(self) -> str:
        """The name that the subscription of this key always has."""
        return self.assignment or _subscription_name(self)


@lru_cache(maxsize=4096)
def _subscription_name(key: UnitKey) -> str:
    """Return the name that follows from a provider's object; it is asked for all over a run."""
    what = "subscription" if key.provider_subscription_id else "checkout"
    object_id = key.provider_subscription_id or key.checkout_id
    return derived("tsub", key.provider, key.provider_account, what, object_id)


def key_of_seen(seen: ProviderSubscription) -> UnitKey:
    """Return the unit that a provider's subscription is."""
    customer = seen.payer.customer
    return UnitKey(customer.provider, customer.provider_account, seen.provider_subscription_id)


@dataclass(frozen=True, slots=True)
class Evidence:
    """That invoices of a provider's subscription were paid, the first of them when."""

    key: UnitKey
    first_paid: datetime


@dataclass(frozen=True, slots=True)
class Assignment:
    """A plan that an operator gave by hand; nobody pays for it.

    ``actor`` and ``reason`` are of what is given now, the ``end_*`` of what was said last about its
    end. ``renew_time`` is when its next month begins, None where no credits are granted by month.
    ``over`` says whether the end had come by the database's clock when this was read.
    """

    subscription: str
    account: str
    offer: Offer
    actor: str
    reason: str
    begin_time: datetime
    end_time: datetime | None = None
    end_actor: str = ""
    end_reason: str = ""
    end_ask_time: datetime | None = None
    renew_time: datetime | None = None
    over: bool = False

    @property
    def key(self) -> UnitKey:
        """The unit that it is."""
        return UnitKey("", "", assignment=self.subscription)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A plan that an account holds.

    ``begin_time`` is when it came to be in force, None while it never was; ``suspend_time`` since
    when it is suspended or over, None while it is in force. ``due`` is when the grace of ``ending``
    is over, by the database's clock; ``over_time`` is when the timer found it so.
    ``customer_id`` is the provider's customer, empty for a guest. ``assignment`` is what gave it by
    hand, None for one that was bought.
    """

    name: str
    account: str
    key: UnitKey
    offer: Offer
    state: State
    create_time: datetime
    update_time: datetime
    period_start: datetime | None = None
    period_end: datetime | None = None
    begin_time: datetime | None = None
    ending: Ending = Ending.NONE
    due: datetime | None = None
    over_time: datetime | None = None
    suspend_time: datetime | None = None
    trial_end_time: datetime | None = None
    customer_id: str = ""
    assignment: Assignment | None = None

    @property
    def over(self) -> bool:
        """Whether the timer found the grace over."""
        return self.over_time is not None


@dataclass(frozen=True, slots=True)
class GivingWay:
    """That a subscription gives way to one that was bought after it and is in force beside it.

    ``to`` is the other's name. What was collected for this one at ``paid_since`` or later is given
    back. ``decided`` says that it ends: from then on it never counts, whatever the provider says.
    ``again`` is told of one that is to be asked for now: which time after the first this is.
    """

    subscription: str
    account: str
    key: UnitKey
    to: str
    paid_since: datetime
    decided: bool = False
    again: int = 0


@dataclass(frozen=True, slots=True)
class OrderedSubscription:
    """What an order tells of the subscription that governs it, for others to read."""

    subscription: str
    state: State
    plan_display_name: str
    addons: tuple[AddonQuantity, ...]
    provider: str
    provider_subscription_id: str
    provider_customer_id: str
    begin_time: datetime | None = None
    suspend_time: datetime | None = None
    trial_end_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What the cluster is to hold for one incarnation of an account.

    ``holding`` is None in an order that was given by a version that did not tell it yet.
    """

    account: str
    incarnation: int
    epoch: int
    generation: int
    phase: Phase
    plan: str
    capacity: Capacity
    owner_subject: str = ""
    organization: str = ""
    paid_until: datetime | None = None
    holding: OrderedSubscription | None = None


@dataclass(frozen=True, slots=True)
class CapacityOrdered:
    """The fact that an order was given; ``receive_time`` is that of the webhook behind it."""

    order: Order
    receive_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What the provisioner saw of one incarnation; the newest revision of a tenant wins."""

    tenant: str
    account: str
    incarnation: int
    epoch: int
    generation: int
    revision: int
    phase: str
    reason: str
    namespace: str
    observe_time: datetime | None


@dataclass(frozen=True, slots=True)
class ParkedFact:
    """A fact that waits for something that is not known yet."""

    fact_id: str
    type: str
    waiting_for: str
    reason: str
    park_time: datetime


@dataclass(frozen=True, slots=True)
class LastPage:
    """The last payment page of an account; ``ask_hash`` is a digest of what was asked for."""

    ask_hash: bytes
    quote: str
    checkout_id: str


def purchase_name(checkout: CheckoutPaid) -> str:
    """Return the name that the purchase of this checkout always has."""
    payer = checkout.payer.customer
    return derived("pur", payer.provider, payer.provider_account, checkout.checkout_id)
