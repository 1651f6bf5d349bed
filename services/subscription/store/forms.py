"""What rows hold as JSON: facts, offers, and what an order told."""

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from services.chassis.money import Money
from services.subscription.domain import (
    Order,
    OrderedSubscription,
    State,
)
from services.subscription.incoming import (
    CheckoutPaid,
    Customer,
    Item,
    Payer,
    ProviderStatus,
    ProviderSubscription,
)
from services.subscription.offers import (
    UNTOLD,
    AddonQuantity,
    Appraisal,
    Capacity,
    CapacityKind,
    EndPolicy,
    Offer,
    Terms,
)

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
        "quote": fact.quote,
    }


def to_checkout(value: Json) -> CheckoutPaid:
    """Return a stored checkout; one of an older version has no quote."""
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
        quote=value.get("quote", ""),
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


def to_seen(value: Json) -> ProviderSubscription:
    """Return a stored subscription of a provider."""
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


def _addons(addons: Sequence[AddonQuantity]) -> list[list[Any]]:
    return [[addon.addon, addon.quantity] for addon in addons]


def _to_addons(value: Sequence[Sequence[Any]]) -> tuple[AddonQuantity, ...]:
    return tuple(AddonQuantity(addon, quantity) for addon, quantity in value)


def from_offer(offer: Offer) -> Json:
    """Return an offer as it is stored; a capacity's bytes as base64."""
    terms = offer.terms
    return {
        "plan": offer.plan,
        "catalog_version": offer.catalog_version,
        "addons": _addons(offer.addons),
        "kind": offer.capacity.kind.value,
        "capacity": base64.b64encode(offer.capacity.body).decode(),
        "on_unpaid": offer.on_unpaid.value,
        "on_end": offer.on_end.value,
        "retention_seconds": int(offer.retention.total_seconds()),
        "free": offer.free,
        "creates_account": offer.creates_account,
        "terms": [terms.display_name, terms.tier, list(terms.features), terms.credits],
    }


def to_offer(value: Json) -> Offer:
    """Return a stored offer."""
    return Offer(
        plan=value["plan"],
        catalog_version=value["catalog_version"],
        addons=_to_addons(value["addons"]),
        capacity=Capacity(CapacityKind(value["kind"]), base64.b64decode(value["capacity"])),
        on_unpaid=EndPolicy(value["on_unpaid"]),
        on_end=EndPolicy(value["on_end"]),
        retention=timedelta(seconds=value["retention_seconds"]),
        free=value["free"],
        creates_account=value["creates_account"],
        terms=_to_terms(value.get("terms")),
    )


def _to_terms(value: Sequence[Any] | None) -> Terms:
    if value is None:
        return UNTOLD
    return Terms(value[0], value[1], tuple(value[2]), value[3])


def from_appraisal(appraisal: Appraisal) -> Json:
    """Return an appraisal as it is stored, without the prices, which have their column."""
    offer = from_offer(appraisal.offer) if appraisal.offer else None
    return {"offer": offer, "problem": appraisal.problem}


def to_appraisal(value: Json, unknown: Sequence[str]) -> Appraisal:
    """Return a stored appraisal."""
    offer = to_offer(value["offer"]) if value["offer"] else None
    return Appraisal(offer, value["problem"], tuple(unknown))


def from_holding(order: Order) -> Json | None:
    """Return what an order tells of its subscription as it is stored, with its generation."""
    told = order.holding
    if told is None:
        return None
    return {
        "generation": order.generation,
        "subscription": told.subscription,
        "state": told.state.value,
        "plan_display_name": told.plan_display_name,
        "addons": _addons(told.addons),
        "provider": told.provider,
        "provider_subscription_id": told.provider_subscription_id,
        "provider_customer_id": told.provider_customer_id,
        "begin_time": _time(told.begin_time),
        "suspend_time": _time(told.suspend_time),
        "trial_end_time": _time(told.trial_end_time),
    }


def to_holding(value: Json | None, generation: int) -> OrderedSubscription | None:
    """Return what the order of this generation told; None if it told nothing."""
    if value is None or value["generation"] != generation:
        return None
    return OrderedSubscription(
        subscription=value["subscription"],
        state=State(value["state"]),
        plan_display_name=value["plan_display_name"],
        addons=_to_addons(value["addons"]),
        provider=value["provider"],
        provider_subscription_id=value["provider_subscription_id"],
        provider_customer_id=value["provider_customer_id"],
        begin_time=_to_time(value["begin_time"]),
        suspend_time=_to_time(value["suspend_time"]),
        trial_end_time=_to_time(value["trial_end_time"]),
    )
