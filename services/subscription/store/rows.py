"""Rows of the database, read."""

from typing import Any, Protocol

from services.chassis.facts import FactRecord
from services.subscription.domain import (
    Account,
    AccountKind,
    Assignment,
    Ending,
    Observation,
    Order,
    Phase,
    Purchase,
    PurchaseStatus,
    Snapshot,
    State,
    Subscription,
    UnitKey,
)
from services.subscription.offers import (
    Capacity,
    CapacityKind,
)
from services.subscription.store.forms import (
    to_appraisal,
    to_checkout,
    to_holding,
    to_offer,
    to_seen,
)


class Row(Protocol):
    """A row by the names of its columns: the driver's, or one that came as JSON."""

    def __getitem__(self, name: str, /) -> Any:
        """Return what stands in a column."""
        ...


def to_fact(row: Row) -> FactRecord:
    """Read a fact that was parked."""
    return FactRecord(
        id=row["fact_id"],
        key=row["fact_key"],
        revision=row["revision"],
        type=row["type"],
        payload=row["payload"],
        traceparent=row["traceparent"],
    )


def to_account(row: Row) -> Account:
    """Read an account."""
    return Account(
        row["name"],
        AccountKind(row["kind"]),
        row["external_id"],
        row["email"],
        row["create_time"],
        row["generation"],
    )


def to_purchase(row: Row) -> Purchase:
    """Read a purchase."""
    return Purchase(
        name=row["name"],
        checkout=to_checkout(row["checkout"]),
        account=row["account"] or "",
        appraisal=to_appraisal(row["appraisal"], row["unknown_prices"]),
        status=PurchaseStatus.REFUNDED if row["refund_time"] else PurchaseStatus(row["status"]),
        reason=row["reason"],
        create_time=row["create_time"],
        fact_id=row["fact_id"],
        subscription=row["subscription"],
        barred=row["barred"],
        refunding=row["refund_decided"] is not None,
    )


def to_snapshot(row: Row) -> Snapshot:
    """Read a snapshot."""
    return Snapshot(
        seen=to_seen(row["seen"]),
        revision=row["revision"],
        account=row["account"] or "",
        appraisal=to_appraisal(row["appraisal"], row["unknown_prices"]),
        fact_id=row["fact_id"],
    )


def to_assignment(row: Row) -> Assignment:
    """Read what was given by hand."""
    plain = {name: row[name] for name in Assignment.__slots__}
    return Assignment(**plain | {"offer": to_offer(row["offer"])})


def to_key(row: Row) -> UnitKey:
    """Read what a subscription comes from: a hand where the row names nothing of a provider's."""
    if not row["provider_subscription_id"] and not row["checkout_id"]:
        return UnitKey("", "", assignment=row["name"])
    return UnitKey(
        row["provider"],
        row["provider_account"],
        row["provider_subscription_id"],
        row["checkout_id"],
    )


def to_subscription(row: Row, given: Row | None = None) -> Subscription:
    """Read a subscription, with the row of what gave it by hand."""
    return Subscription(
        name=row["name"],
        account=row["account"],
        key=to_key(row),
        offer=to_offer(row["offer"]),
        state=State(row["state"]),
        create_time=row["create_time"],
        update_time=row["update_time"],
        period_start=row["period_start"],
        period_end=row["period_end"],
        begin_time=row["begin_time"],
        ending=Ending(row["ending"]),
        due=row["due"],
        over_time=row["over_time"],
        suspend_time=row["suspend_time"],
        trial_end_time=row["trial_end_time"],
        customer_id=row["customer_id"],
        assignment=to_assignment(given) if given else None,
    )


def to_order(row: Row) -> Order:
    """Read an order."""
    return Order(
        account=row["account"],
        incarnation=row["incarnation"],
        epoch=row["epoch"],
        generation=row["generation"],
        phase=Phase(row["phase"]),
        plan=row["plan"],
        capacity=Capacity(CapacityKind(row["capacity_kind"]), row["capacity"]),
        owner_subject=row["owner_subject"],
        organization=row["organization"],
        paid_until=row["paid_until"],
        holding=to_holding(row["holding"], row["generation"]),
    )


def to_observation(row: Row) -> Observation:
    """Read an observation."""
    return Observation(**{name: row[name] for name in Observation.__slots__})
