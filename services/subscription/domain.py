"""What the subscription service owns: accounts, purchases, subscriptions and capacity orders."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.chassis.ids import derived
from services.subscription.incoming import CheckoutPaid, Customer, ProviderSubscription


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


class EndPolicy(StrEnum):
    """What a plan says about capacity that is no longer paid."""

    FREE = "FREE"
    SUSPEND_THEN_CANCEL = "SUSPEND_THEN_CANCEL"
    DELETE = "DELETE"


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


class Reason(StrEnum):
    """Stable reasons of refunds and of parking."""

    ACCOUNT_HAS_SUBSCRIPTION = "ACCOUNT_HAS_SUBSCRIPTION"
    UNKNOWN_PRICE = "UNKNOWN_PRICE"
    UNKNOWN_CUSTOMER = "UNKNOWN_CUSTOMER"
    UNKNOWN_ACCOUNT = "UNKNOWN_ACCOUNT"
    GUEST_CHECKOUT = "GUEST_CHECKOUT"
    NO_PLAN = "NO_PLAN"
    SEVERAL_PLANS = "SEVERAL_PLANS"
    IMPOSSIBLE_COMBINATION = "IMPOSSIBLE_COMBINATION"


class CapacityKind(StrEnum):
    """What kind of thing stands for a capacity."""

    NOTHING = "nothing"
    NAMESPACE = "namespace"
    ORGANIZATION = "organization"
    TENANT = "tenant"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class Capacity:
    """A capacity as pricing expanded it; ``body`` is opaque here and compared byte for byte."""

    kind: CapacityKind
    body: bytes


@dataclass(frozen=True, slots=True)
class AddonQuantity:
    """An add-on and how many of it, 1 to 1000."""

    addon: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What bought items stand for, as pricing said before the transaction.

    ``free`` says that every item costs nothing, so that no payment is waited for.
    ``creates_account`` is the catalog's rule for checkouts that others made.
    """

    plan: str
    catalog_version: str
    addons: tuple[AddonQuantity, ...]
    capacity: Capacity
    on_unpaid: EndPolicy
    on_end: EndPolicy
    retention: timedelta
    free: bool = False
    creates_account: bool = False


@dataclass(frozen=True, slots=True)
class Appraisal:
    """What items stand for, or why that cannot be said (``problem``, a Reason)."""

    offer: Offer | None = None
    problem: str = ""
    unknown_prices: tuple[str, ...] = ()


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

    ``fact_id`` is the fact's that told of it.
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


@dataclass(frozen=True, slots=True)
class UnitKey:
    """What one subscription is bought through: a provider's subscription, or a single checkout.

    Exactly one of ``provider_subscription_id`` and ``checkout_id`` is set.
    """

    provider: str
    provider_account: str
    provider_subscription_id: str = ""
    checkout_id: str = ""

    @property
    def subscription_name(self) -> str:
        """The name that the subscription of this key always has."""
        what = "subscription" if self.provider_subscription_id else "checkout"
        key = self.provider_subscription_id or self.checkout_id
        return derived("tsub", self.provider, self.provider_account, what, key)


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
class Subscription:
    """A plan that an account holds.

    ``begin_time`` is when it came to be in force, None while it never was. ``due`` is when the
    grace of ``ending`` is over, by the database's clock; ``over_time`` is when the
    timer found it so.
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

    @property
    def over(self) -> bool:
        """Whether the timer found the grace over."""
        return self.over_time is not None


@dataclass(frozen=True, slots=True)
class Order:
    """What the cluster is to hold for one incarnation of an account."""

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
class Actor:
    """Who changes something, and in which trace; for the audit record."""

    name: str
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the audit record."""

    actor: Actor
    action: str
    object: str
    reason: str
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person has to look at; logged at error level."""

    reason: str
    object: str
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class OnceScope:
    """Whose idempotency key it is, and the digest of what was asked under it."""

    actor: str
    rpc: str
    key: str
    request_hash: bytes


@dataclass(frozen=True, slots=True)
class Sight:
    """Which accounts somebody may see: all, or those of these outside names."""

    everything: bool = False
    names: frozenset[tuple[AccountKind, str]] = frozenset()

    def includes(self, account: Account) -> bool:
        """Tell whether the account may be seen."""
        return self.everything or (account.kind, account.external_id) in self.names


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account with the providers' customers that belong to it."""

    account: Account
    customers: tuple[Customer, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountRequest:
    """What an account is asked for with. ``request_hash`` is a digest of all but ``request_id``."""

    kind: AccountKind
    external_id: str
    email: str
    customers: tuple[Customer, ...]
    request_id: str
    request_hash: bytes


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page of a list is asked for."""

    size: int = 0
    token: str = ""


def purchase_name(checkout: CheckoutPaid) -> str:
    """Return the name that the purchase of this checkout always has."""
    payer = checkout.payer.customer
    return derived("pur", payer.provider, payer.provider_account, checkout.checkout_id)
