"""Rows of the database and the values they hold."""

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from services.chassis.facts import FactRecord
from services.chassis.money import Money
from services.subscription.domain import (
    Account,
    AccountKind,
    AddonQuantity,
    Appraisal,
    Capacity,
    CapacityKind,
    Ending,
    EndPolicy,
    Observation,
    Offer,
    Order,
    Phase,
    Purchase,
    PurchaseStatus,
    Snapshot,
    State,
    Subscription,
    UnitKey,
)
from services.subscription.incoming import (
    CheckoutPaid,
    Customer,
    Item,
    Payer,
    ProviderStatus,
    ProviderSubscription,
)

Row = asyncpg.Record
Json = dict[str, Any]


def _time(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


def _to_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _money(money: Money | None) -> list[str | int] | None:
    return [money.currency, money.minor_units] if money else None


def _to_money(value: Sequence[Any] | None) -> Money | None:
    return Money(value[0], value[1]) if value else None


def _payer(payer: Payer) -> Json:
    customer = payer.customer
    return {
        "customer": [customer.provider, customer.provider_account, customer.customer_id],
        "email": payer.email,
        "account_id": payer.account_id,
        "identity": [list(pair) for pair in payer.identity],
    }


def _to_payer(value: Json) -> Payer:
    return Payer(
        Customer(*value["customer"]),
        value["email"],
        value["account_id"],
        tuple((key, text) for key, text in value["identity"]),
    )


def _items(items: Sequence[Item]) -> list[Json]:
    return [
        {"price": item.price_id, "quantity": item.quantity, "subtotal": _money(item.subtotal)}
        for item in items
    ]


def _to_items(values: Sequence[Json]) -> tuple[Item, ...]:
    return tuple(
        Item(value["price"], value["quantity"], _to_money(value["subtotal"])) for value in values
    )


def from_checkout(fact: CheckoutPaid) -> Json:
    """Return a paid checkout as it is stored."""
    return {
        "checkout_id": fact.checkout_id,
        "payer": _payer(fact.payer),
        "items": _items(fact.items),
        "total": _money(fact.total),
        "pay_time": _time(fact.pay_time),
        "subtotal": _money(fact.subtotal),
        "provider_subscription_id": fact.provider_subscription_id,
        "operation_id": fact.operation_id,
        "invoice_id": fact.invoice_id,
        "receive_time": _time(fact.receive_time),
    }


def _to_checkout(value: Json) -> CheckoutPaid:
    return CheckoutPaid(
        checkout_id=value["checkout_id"],
        payer=_to_payer(value["payer"]),
        items=_to_items(value["items"]),
        total=_to_money(value["total"]),
        pay_time=datetime.fromisoformat(value["pay_time"]),
        subtotal=_to_money(value["subtotal"]),
        provider_subscription_id=value["provider_subscription_id"],
        operation_id=value["operation_id"],
        invoice_id=value["invoice_id"],
        receive_time=_to_time(value["receive_time"]),
    )


def from_seen(fact: ProviderSubscription) -> Json:
    """Return a provider's subscription as it is stored."""
    return {
        "id": fact.provider_subscription_id,
        "payer": _payer(fact.payer),
        "status": fact.status.value,
        "items": _items(fact.items),
        "cancel_at_period_end": fact.cancel_at_period_end,
        "period_start": _time(fact.period_start),
        "period_end": _time(fact.period_end),
        "trial_end": _time(fact.trial_end),
        "cancel_time": _time(fact.cancel_time),
        "collection_paused": fact.collection_paused,
    }


def _to_seen(value: Json) -> ProviderSubscription:
    return ProviderSubscription(
        provider_subscription_id=value["id"],
        payer=_to_payer(value["payer"]),
        status=ProviderStatus(value["status"]),
        items=_to_items(value["items"]),
        cancel_at_period_end=value["cancel_at_period_end"],
        period_start=_to_time(value["period_start"]),
        period_end=_to_time(value["period_end"]),
        trial_end=_to_time(value["trial_end"]),
        cancel_time=_to_time(value["cancel_time"]),
        collection_paused=value["collection_paused"],
    )


def from_offer(offer: Offer) -> Json:
    """Return an offer as it is stored; a capacity's bytes as base64."""
    return {
        "plan": offer.plan,
        "catalog_version": offer.catalog_version,
        "addons": [[addon.addon, addon.quantity] for addon in offer.addons],
        "kind": offer.capacity.kind.value,
        "capacity": base64.b64encode(offer.capacity.body).decode(),
        "on_unpaid": offer.on_unpaid.value,
        "on_end": offer.on_end.value,
        "retention_seconds": int(offer.retention.total_seconds()),
        "free": offer.free,
        "creates_account": offer.creates_account,
    }


def to_offer(value: Json) -> Offer:
    """Return a stored offer."""
    return Offer(
        plan=value["plan"],
        catalog_version=value["catalog_version"],
        addons=tuple(AddonQuantity(addon, quantity) for addon, quantity in value["addons"]),
        capacity=Capacity(CapacityKind(value["kind"]), base64.b64decode(value["capacity"])),
        on_unpaid=EndPolicy(value["on_unpaid"]),
        on_end=EndPolicy(value["on_end"]),
        retention=timedelta(seconds=value["retention_seconds"]),
        free=value["free"],
        creates_account=value["creates_account"],
    )


def from_appraisal(appraisal: Appraisal) -> Json:
    """Return an appraisal as it is stored, without the prices, which have their column."""
    offer = from_offer(appraisal.offer) if appraisal.offer else None
    return {"offer": offer, "problem": appraisal.problem}


def _to_appraisal(value: Json, unknown: Sequence[str]) -> Appraisal:
    offer = to_offer(value["offer"]) if value["offer"] else None
    return Appraisal(offer, value["problem"], tuple(unknown))


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
        checkout=_to_checkout(row["checkout"]),
        account=row["account"] or "",
        appraisal=_to_appraisal(row["appraisal"], row["unknown_prices"]),
        status=PurchaseStatus(row["status"]),
        reason=row["reason"],
        create_time=row["create_time"],
        fact_id=row["fact_id"],
        subscription=row["subscription"],
    )


def to_snapshot(row: Row) -> Snapshot:
    """Read a snapshot."""
    return Snapshot(
        seen=_to_seen(row["seen"]),
        revision=row["revision"],
        account=row["account"] or "",
        appraisal=_to_appraisal(row["appraisal"], row["unknown_prices"]),
        fact_id=row["fact_id"],
    )


def to_key(row: Row) -> UnitKey:
    """Read what a subscription is bought through."""
    return UnitKey(
        row["provider"],
        row["provider_account"],
        row["provider_subscription_id"],
        row["checkout_id"],
    )


def to_subscription(row: Row) -> Subscription:
    """Read a subscription."""
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
    )


def to_observation(row: Row) -> Observation:
    """Read an observation."""
    return Observation(**{name: row[name] for name in Observation.__slots__})
