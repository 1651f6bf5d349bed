"""Tells people of alerts: tries, writes down how it went, and ends some day."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from services.pricing.costs.budgets import Alert
from services.pricing.costs.ports import CostTransactions, Sender, Store
from services.pricing.costs.telling import (
    RETRY_AFTER,
    Channel,
    Delivery,
    DeliveryState,
    NotDelivered,
)


@dataclass(frozen=True, slots=True)
class ToldAlert:
    """An alert, and who is told of it."""

    alert: Alert
    deliveries: Sequence[Delivery]


async def deliver(
    tx: CostTransactions, senders: Sequence[Sender], name: str
) -> tuple[Delivery | None, float | None]:
    """Try one delivery once; return what became of it, and the seconds until it is tried again.

    None for a delivery that is over, or not there. What was taken by the other side while we died
    is sent again, under the same id.
    """
    found = await tx.run(lambda store: store.delivery(name))
    if found is None or found.state is not DeliveryState.PENDING:
        return None, None
    tried = await _tried(_sender(senders, found.channel), found)
    await tx.run(lambda store: store.save_delivery(tried))
    pending = tried.state is DeliveryState.PENDING
    return tried, RETRY_AFTER[tried.attempts - 1] if pending else None


async def with_deliveries(store: Store, alerts: Sequence[Alert]) -> list[ToldAlert]:
    """Return alerts with who is told of each."""
    found = await store.deliveries([alert.name for alert in alerts])
    return [ToldAlert(alert, [one for one in found if one.alert == alert.name]) for alert in alerts]


async def _tried(sender: Sender | None, delivery: Delivery) -> Delivery:
    made = replace(delivery, attempts=delivery.attempts + 1, last_error="")
    try:
        if sender is None:
            raise NotDelivered(_off(delivery.channel))
        await sender.send(delivery)
    except NotDelivered as failure:
        over = failure.for_good or made.attempts > len(RETRY_AFTER)
        state = DeliveryState.GIVEN_UP if over else DeliveryState.PENDING
        return replace(made, state=state, last_error=str(failure))
    return replace(made, state=DeliveryState.DELIVERED)


def _sender(senders: Sequence[Sender], channel: Channel) -> Sender | None:
    return next((one for one in senders if one.channel is channel), None)


def _off(channel: Channel) -> str:
    match channel:
        case Channel.MAIL:
            return "mail is off"
        case Channel.WEBHOOK:
            return "webhooks are off"
        case _:
            assert_never(channel)
