"""What the services have committed: the only module here that looks into their tables.

Rows are domain values; they are read where they stand and not copied.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from services.chassis.inbox import Parked
from services.payments.binding import Operation
from services.payments.domain import ObjectRef, OperationId
from services.payments.events import StoredEvent
from services.provisioner.domain import Tenant
from services.provisioner.ports import Audited
from services.subscription.auditing import Change
from services.subscription.domain import (
    Account,
    Observation,
    Order,
    Purchase,
    Snapshot,
    Subscription,
    UnitKey,
)
from services.subscription.incoming import Customer
from services.subscription.ledger import Balance, Entry, Grant, Hold
from tests.fakes import memory_inbox, memory_outbox, memory_queue
from tests.fakes import payments as of_payments
from tests.fakes import provisioner as of_provisioner
from tests.fakes import subscription_facts as of_subscription
from tests.fakes import subscription_giving_way as of_refunds
from tests.fakes import subscription_ledger as of_credits
from tests.fakes.memory_db import Table

if TYPE_CHECKING:
    from collections.abc import Hashable

    from tests.simulation.world import World

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")

PROVIDER, PROVIDER_ACCOUNT = "stripe", "acct_simulated"


def _rows(world: "World", service: str, table: Table[K, V]) -> Mapping[K, V]:
    return world.databases[service].tables[table.name]


def events(world: "World") -> Mapping[tuple[str, str], StoredEvent]:
    """Webhooks, by provider and id."""
    return _rows(world, "payments", of_payments.EVENTS)


def operations(world: "World") -> Mapping[OperationId, Operation]:
    """What was asked of the provider."""
    return _rows(world, "payments", of_payments.OPERATIONS)


def accounts(world: "World") -> Mapping[str, Account]:
    """Accounts by name."""
    return _rows(world, "subscription", of_subscription.ACCOUNTS)


def owner_of(world: "World", customer_id: str) -> str:
    """Return the account of a provider's customer; empty for nobody's."""
    customer = Customer(PROVIDER, PROVIDER_ACCOUNT, customer_id)
    row = _rows(world, "subscription", of_subscription.CUSTOMERS).get(customer)
    return row.account if row else ""


def customers(world: "World") -> Iterable[tuple[str, str]]:
    """Customers' ids and their accounts."""
    rows = _rows(world, "subscription", of_subscription.CUSTOMERS)
    return [(customer.customer_id, row.account) for customer, row in rows.items()]


def purchases(world: "World") -> Mapping[str, Purchase]:
    """Paid checkouts by name."""
    return _rows(world, "subscription", of_subscription.PURCHASES)


def invoices(world: "World") -> Iterable[str]:
    """Return ids of invoices that are known to be paid."""
    return [key[2] for key in _rows(world, "subscription", of_subscription.INVOICES)]


def snapshots(world: "World") -> Mapping[UnitKey, Snapshot]:
    """Return the newest that is known of the provider's subscriptions."""
    return _rows(world, "subscription", of_subscription.SNAPSHOTS)


def subscriptions(world: "World") -> Mapping[str, Subscription]:
    """Subscriptions by name."""
    return _rows(world, "subscription", of_subscription.SUBSCRIPTIONS)


def orders(world: "World") -> Mapping[tuple[str, int], Order]:
    """Orders by account and incarnation."""
    return _rows(world, "subscription", of_subscription.ORDERS)


def audit(world: "World") -> Sequence[Change]:
    """What was done in subscription, in order."""
    return list(_rows(world, "subscription", of_subscription.AUDIT).values())


def audit_rows(world: "World") -> Mapping[int, Change]:
    """What was done in subscription, where it stands: to look at the end of it."""
    return _rows(world, "subscription", of_subscription.AUDIT)


def provisioner_audit_rows(world: "World") -> Mapping[int, Audited]:
    """What was done in the provisioner, where it stands."""
    return _rows(world, "provisioner", of_provisioner.AUDIT)


def provider_objects(world: "World") -> Mapping[tuple[str, str, ObjectRef], of_payments.ObjectRow]:
    """Return how far payments is with the provider's objects."""
    return _rows(world, "payments", of_payments.OBJECTS)


def observations(world: "World") -> Mapping[str, Observation]:
    """Return what subscription was told of tenants, by their ids."""
    return _rows(world, "subscription", of_subscription.OBSERVATIONS)


def refunds(world: "World") -> Mapping[str, of_refunds.RefundRow]:
    """Refunds that were decided on, by purchase."""
    return _rows(world, "subscription", of_refunds.REFUNDS)


def balances(world: "World") -> list[Balance]:
    """Return the balance of every pool."""
    return [row[0] for row in _rows(world, "subscription", of_credits.POOLS).values()]


def entries(world: "World") -> Mapping[str, Entry]:
    """The ledger's entries by name."""
    return _rows(world, "subscription", of_credits.ENTRIES)


def grants(world: "World") -> Mapping[str, Grant]:
    """Grants of credits by name."""
    return _rows(world, "subscription", of_credits.GRANTS)


def holds(world: "World") -> Mapping[str, Hold]:
    """Holds by name."""
    return _rows(world, "subscription", of_credits.HOLDS)


def accounts_with_credits(world: "World", pool: str = "sessions") -> list[str]:
    """Return accounts that were ever granted credits of a pool."""
    found = _rows(world, "subscription", of_credits.POOLS)
    return [one.account for one in found if one.name == pool]


def tenants(world: "World") -> Mapping[str, Tenant]:
    """Tenants by id."""
    return _rows(world, "provisioner", of_provisioner.TENANT_ROWS)


def waiting_facts(world: "World") -> list[str]:
    """Return what waits in any outbox, in words."""
    return [
        f"{row.fact.type} {row.fact.key} of {service} waits for {row.destination}"
        for service in world.databases
        for row in _rows(world, service, memory_outbox.OUTBOX).values()
    ]


def dead_facts(world: "World") -> list[str]:
    """Return what nobody took, in words."""
    return [
        f"{row.fact.type} {row.fact.key} of {service} was refused: {row.reason}"
        for service in world.databases
        for row in _rows(world, service, memory_outbox.DEAD).values()
    ]


def queued(world: "World") -> list[str]:
    """Return what is queued to be worked on, in words."""
    return [
        f"{service}'s {queue} {key} after {row.failures} failures"
        for service in world.databases
        for (queue, key), row in _rows(world, service, memory_queue.QUEUE).items()
    ]


def parked(world: "World") -> list[Parked]:
    """Return facts that wait for something, in subscription and the provisioner."""
    return [
        row
        for service in ("subscription", "provisioner")
        for row in _rows(world, service, memory_inbox.PARKED).values()
    ]
