"""Giving back what a checkout was paid with, and ending the subscription that it began."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from services.chassis.money import Money
from services.payments.binding import Operation
from services.payments.changes import is_over
from services.payments.commerce import (
    Charge,
    Parameters,
    PlaceState,
    Refund,
    Settlement,
    decode,
)
from services.payments.errors import NothingToRefund, ProviderRefused
from services.payments.operations import Made, Selling, Step, prepare, prepared, send
from services.payments.ports import Store


async def refund_checkout(selling: Selling, operation: Operation) -> Step:
    """End the subscription first, so that it charges nothing more, then give the money back.

    What is to be done is decided once and kept: a second try would see the subscription ended and
    the money gone.
    """
    ask = decode(operation.ask)
    checkout_id, reason = str(ask["checkout"]), str(ask["reason"])
    if not operation.parameters:
        settlement = await selling.commerce.settlement(checkout_id)
        plan = _plan(selling, operation, settlement, reason)
        if not plan["refunds"] and not plan["subscription"]:
            return _nothing_left(settlement)
        operation = await prepare(selling, operation, plan)
    plan = cast("dict[str, Any]", prepared(operation))
    if plan["subscription"]:
        await _cancel(selling, operation, plan["subscription"])
    refunds = [
        await _refund(selling, operation, payment, parameters)
        for payment, parameters in plan["refunds"]
    ]
    return _made(selling, operation, checkout_id, refunds)


def _plan(
    selling: Selling, operation: Operation, settlement: Settlement, reason: str
) -> dict[str, Any]:
    left = [charge for charge in settlement.charges if charge.paid > charge.refunded]
    # An operation makes one object, which its marker binds; further ones bind by their invoice.
    markers = [operation.marker, *[None] * len(left)]
    return {
        "subscription": settlement.subscription_id if settlement.subscription_stands else "",
        "refunds": [
            [charge.payment_id, selling.commerce.refund_parameters(charge, marker, reason)]
            for charge, marker in zip(left, markers, strict=False)
        ],
    }


def _nothing_left(settlement: Settlement) -> Made:
    """Nothing is left to do: it was given back before, or there never was anything."""
    given: Sequence[Charge] = [charge for charge in settlement.charges if charge.refund_id]
    if not given:
        raise NothingToRefund(
            "Nothing was charged and no subscription stands.",
            metadata={"checkout": settlement.checkout_id},
        )
    total = _sum([Refund(charge.refund_id, charge.refunded) for charge in given])
    return Made(total, result=result_of(total))


async def _cancel(selling: Selling, operation: Operation, subscription_id: str) -> None:
    async def cancel(key: str) -> bool:
        await selling.commerce.cancel_subscription(f"{key}.cancel", subscription_id)
        return True

    async def is_so() -> bool | None:
        standing = await selling.commerce.standing(subscription_id)
        return is_over(standing) or None

    await send(selling, operation, cancel, is_so)


async def _refund(
    selling: Selling, operation: Operation, payment_id: str, parameters: Parameters
) -> Refund:
    refund = await send(
        selling,
        operation,
        lambda key: selling.commerce.refund(f"{key}.{payment_id}", parameters),
        lambda: selling.commerce.find_refund(payment_id, operation.marker),
    )
    if refund.failed:
        raise ProviderRefused(
            "The payment provider could not give the money back.",
            metadata={"code": "refund_failed", "refund": refund.id},
        )
    return refund


def _made(
    selling: Selling, operation: Operation, checkout_id: str, refunds: Sequence[Refund]
) -> Made:
    async def also(store: Store) -> None:
        place = await store.place_of(operation.provider, operation.provider_account, checkout_id)
        if place is not None:
            await store.leave_place(place.operation_id, PlaceState.COMPLETE)

    total = _sum(refunds)
    return Made(
        total,
        object_id=refunds[0].id if refunds else "",
        result=result_of(total),
        also=also,
    )


def _sum(refunds: Sequence[Refund]) -> Refund:
    """One refund stands for all; a checkout has one payment, but for rare partial ones."""
    if not refunds:
        return Refund("", Money.zero("usd"))
    total = refunds[0].amount
    for refund in refunds[1:]:
        total += refund.amount
    return Refund(refunds[0].id, total)


def result_of(refund: Refund) -> Mapping[str, str]:
    """Return what is kept of a refund."""
    return {
        "refund": refund.id,
        "currency": refund.amount.currency,
        "amount": str(refund.amount.minor_units),
    }


def refund_of(result: Mapping[str, str]) -> Refund:
    """Read what ``result_of`` wrote."""
    return Refund(result["refund"], Money(result["currency"], int(result["amount"])))
