"""What the use cases of subscription need of their store."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from services.chassis.facts import FactRecord
from services.chassis.transactions import Transactions
from services.subscription.asking import Sight
from services.subscription.auditing import Change, OnceScope
from services.subscription.domain import (
    Account,
    AccountKind,
    Assignment,
    CapacityOrdered,
    LastPage,
    Observation,
    Order,
    ParkedFact,
    Purchase,
    PurchaseStatus,
    Snapshot,
    Subscription,
    UnitKey,
)
from services.subscription.holder import AccountRef, Holder
from services.subscription.incoming import (
    Customer,
    InvoicePaid,
    InvoicePaymentFailed,
)
from services.subscription.offers import Offer
from services.subscription.ports.giving_way import GivingWayRows, Postponements
from services.subscription.ports.ledger import Ledger
from services.subscription.ports.notices import NoticeRows
from services.subscription.units import Holdings


class FactRows(Protocol):
    """Facts that came, within one transaction."""

    async def remember(self, fact: FactRecord, source: str) -> bool:
        """Note a fact's id; False if it was known. Waits for another transaction at the same."""
        ...

    async def remember_all(self, facts: Sequence[FactRecord], source: str) -> Collection[str]:
        """Note facts' ids; return those that were not known. Waits like ``remember``."""
        ...

    async def keep_unknown(self, fact: FactRecord, source: str) -> None:
        """Keep a fact whose type is not known yet."""
        ...

    async def kept_unknown(self, types: Sequence[str]) -> Sequence[tuple[FactRecord, str]]:
        """Return at most 100 facts that were kept unknown, oldest first, with their sources."""
        ...

    async def forget_kept(self, fact_id: str, type_name: str) -> None:
        """Forget that a fact was kept unknown, unless it waits for something else by now."""
        ...

    async def park(self, fact: FactRecord, waiting_for: str, reason: str, source: str) -> None:
        """List a fact as waiting."""
        ...

    async def unpark(self, waiting_for: str) -> int:
        """Take what waited for this off the list; return how many facts that were."""
        ...

    async def rewait(self, fact_id: str, waiting_for: str, reason: str) -> None:
        """Let a parked fact wait for something else, still since when it was parked."""
        ...

    async def release(self, fact_id: str) -> None:
        """Take one fact off the list; one that is not on it changes nothing."""
        ...

    async def add_purchase(self, purchase: Purchase) -> bool:
        """Add a paid checkout; False if it stands already."""
        ...

    async def purchase(self, name: str) -> Purchase | None:
        """Return a paid checkout."""
        ...

    async def save_purchase(self, purchase: Purchase) -> None:
        """Write whose a paid checkout is, what it stands for and what became of it."""
        ...

    async def add_invoice(self, invoice: InvoicePaid, account: str) -> None:
        """Add a paid invoice, once."""
        ...

    async def add_failure(self, failure: InvoicePaymentFailed) -> None:
        """Record a failed payment, once."""
        ...

    async def snapshot(self, key: UnitKey) -> Snapshot | None:
        """Return the newest snapshot of a provider's subscription."""
        ...

    async def put_snapshot(self, snapshot: Snapshot) -> bool:
        """Take a snapshot; False if it is no newer. What the one before waited for is over.

        One statement; the caller holds the customer's lock.
        """
        ...

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """Write a snapshot over an older one; the caller holds the customer's lock."""
        ...

    async def put_observation(self, observation: Observation, change: Change) -> bool:
        """Take what was seen of a tenant, and record that; False if it is no newer.

        One statement.
        """
        ...

    async def unknown_prices(self) -> Sequence[tuple[str, str]]:
        """Return (provider, price id) that purchases and snapshots wait for, without doubles."""
        ...

    async def waiting_purchases(self, provider: str, price: str) -> Sequence[Purchase]:
        """Return at most 100 purchases that wait for this price."""
        ...

    async def waiting_snapshots(self, provider: str, price: str) -> Sequence[Snapshot]:
        """Return at most 100 snapshots that wait for this price."""
        ...


class AccountRows(Protocol):
    """Accounts and customers, within one transaction. Locks: customer, then account."""

    async def lock_customer(self, customer: Customer) -> str:
        """Make the customer's row if needed, lock it, and return its account or nothing."""
        ...

    async def bind_customer(self, customer: Customer, account: str) -> None:
        """Give a locked customer to an account, with everything that waited for it."""
        ...

    async def add_account(self, account: Account) -> bool:
        """Add an account; False if its outside name is taken. Waits for who is at the same."""
        ...

    async def account(self, name: str) -> Account | None:
        """Return an account."""
        ...

    async def account_named(self, kind: AccountKind, external_id: str) -> Account | None:
        """Return the account of an outside name."""
        ...

    async def lock_account(self, name: str) -> Account | None:
        """Return an account and keep everybody else from changing it."""
        ...

    async def customers(self, account: str) -> Sequence[Customer]:
        """Return the customers of an account, sorted."""
        ...

    async def owner_of(self, customer: Customer) -> str:
        """Return whose customer it is, without a lock; empty for nobody's."""
        ...


class Books(Protocol):
    """What an account holds and what is ordered for it, within one transaction."""

    async def holdings(self, account: Account) -> Holdings:
        """Return everything known of a locked account."""
        ...

    async def sold(self, subscription: str) -> Offer | None:
        """Return what a subscription was given last, without a lock; None if it is not known."""
        ...

    async def subscription(self, name: str) -> Subscription | None:
        """Return a subscription, without a lock."""
        ...

    async def save_subscription(self, subscription: Subscription) -> None:
        """Write a subscription."""
        ...

    async def save_order(self, order: Order) -> None:
        """Write an order, and its generation as the account's last."""
        ...

    async def orders(self, account: str) -> Sequence[Order]:
        """Return the orders of an account, oldest incarnation first."""
        ...

    async def append(self, fact: CapacityOrdered, traceparent: str) -> None:
        """Put a fact into the outbox."""
        ...

    async def epoch(self) -> int:
        """Return the epoch. One raised meanwhile leaves the account behind, to be sent again."""
        ...

    async def raise_epoch(self) -> int:
        """Raise the epoch and return it."""
        ...

    async def accounts_behind(self, limit: int) -> Sequence[str]:
        """Return accounts with an order of an older epoch."""
        ...

    async def due_accounts(self, limit: int) -> Sequence[str]:
        """Return accounts in which a grace is over, or an assignment whose end does not stand yet,
        the longest due first.
        """
        ...

    async def count_due(self) -> int:
        """Return in how many accounts one of both is over and not acted on."""
        ...

    async def count_over(self, within: timedelta) -> int:
        """Return how many accounts the timer acted on in this time, not counting assignments that a
        person ended there and then.
        """
        ...

    async def count_accounts(self) -> int:
        """Return how many accounts there are."""
        ...


class Assignments(Protocol):
    """Plans that operators gave by hand, within one transaction. Read with the holdings."""

    async def save_assignment(self, assignment: Assignment) -> None:
        """Write what is given by hand; the caller holds the account's lock. The begin stays."""
        ...

    async def renewable_accounts(self, limit: int) -> Sequence[str]:
        """Return accounts with an assignment whose next month has begun, the longest ago first."""
        ...


class Pages(Protocol):
    """The last payment page of each account, within one transaction."""

    async def last_page(self, account: str) -> LastPage | None:
        """Return the last page that was made for an account."""
        ...

    async def save_page(self, account: str, page: LastPage) -> None:
        """Note a page as the account's last."""
        ...


class Refunds(Protocol):
    """Purchases that are to be given back, within one transaction.

    Giving back is decided first, under the account's lock, and called for afterwards: what was
    decided is never applied, so that no payment is both used and given back.
    """

    async def count_refundable(self, delay: timedelta) -> int:
        """Return how many purchases, and subscriptions that give way, are to be given back.

        Those that are so for longer than this, and are neither decided on nor postponed.
        """
        ...

    async def refundable(self, delay: timedelta, limit: int) -> Sequence[Purchase]:
        """Return purchases to give back, neither decided on nor postponed, the oldest first."""
        ...

    async def count_decided(self, within: timedelta) -> int:
        """Return how many of both were decided on in this time."""
        ...

    async def count_purchases(self, within: timedelta) -> int:
        """Return how many purchases came in this time."""
        ...

    async def decide_refund(self, purchase: str) -> None:
        """Note that a purchase is given back; the caller holds its account's lock."""
        ...

    async def refunds_ahead(self, delay: timedelta) -> bool:
        """Tell whether anything is refundable after the delay, or decided and due for a try.

        One look at both, without a lock.
        """
        ...

    async def refunds_wait(self) -> bool:
        """Tell whether a purchase, or a subscription that gives way, is decided and due for a try.

        Of whatever provider; without a lock.
        """
        ...

    async def claim_refunds(self, provider: str, limit: int) -> Sequence[Purchase]:
        """Return decided purchases whose next try is due, and put off the one after it.

        Waits between tries double from half a minute to an hour. Skips what others claim now.
        """
        ...

    async def note_refund(self, purchase: str, refund_id: str, again: int = 0) -> bool:
        """Note that it was given back, or ``again``; False if that was known."""
        ...

    async def unquoted(self, limit: int) -> Sequence[Purchase]:
        """Return purchases whose quote pricing did not know."""
        ...


class Readings(Protocol):
    """Pages and single reads for people. Cursors are what the last item was sorted by."""

    async def list_accounts(
        self, sight: Sight, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Account]:
        """Return accounts that may be seen, oldest first."""
        ...

    async def list_subscriptions(
        self, sight: Sight, account: str, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Subscription]:
        """Return subscriptions of one account, or of all that may be seen, oldest first."""
        ...

    async def list_purchases(
        self, status: PurchaseStatus | None, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Purchase]:
        """Return purchases, newest first."""
        ...

    async def list_parked(self, after: int, limit: int) -> Sequence[tuple[int, ParkedFact]]:
        """Return parked facts with their cursors, oldest first."""
        ...

    async def holders(self, asked: Collection[AccountRef]) -> Mapping[AccountRef, Holder]:
        """Return accounts with what they hold, by what they were asked for; one statement.

        An account that there is not is absent.
        """
        ...

    async def observation(self, account: str, incarnation: int) -> Observation | None:
        """Return what was last seen of an incarnation."""
        ...


class Store(
    FactRows,
    AccountRows,
    Books,
    Assignments,
    Pages,
    Refunds,
    GivingWayRows,
    Postponements,
    NoticeRows,
    Readings,
    Ledger,
    Protocol,
):
    """Everything the service keeps, within one transaction."""

    async def now(self) -> datetime:
        """Return the database's time."""
        ...

    async def audit(self, change: Change) -> None:
        """Add to the audit record."""
        ...

    async def once(self, scope: OnceScope, produce: Callable[[], Awaitable[str]]) -> str:
        """Return the name that ``produce`` made, or that it made the first time."""
        ...

    async def forget_answers(self) -> int:
        """Forget idempotency keys that are past their time; return how many."""
        ...


SubscriptionTransactions = Transactions[Store]
