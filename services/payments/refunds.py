"""Giving back what was paid, and ending the subscription that it was paid for.

What is to be given back is decided once and kept: a second try would see the money gone.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from services.chassis.money import Money
from services.payments.binding import Operation
from services.payments.changes import is_over, standing_of
from services.payments.commerce import (
    Charge,
    Parameters,
    PlaceState,
    Refund,
    Settlement,
    decode,
    digest,
    encode,
)
from services.payments.errors import NothingToRefund, ProviderRefused
from services.payments.operations import Made, Selling, Step
from services.payments.ports import AuditEntry, Store
from services.payments.sending import prepare, prepared, send

_WORKER = "payments.refunds"
"""Who makes refunds, in the audit record; who asked for them stands with the operation."""
_EVER = datetime.fromtimestamp(0, UTC)


async def refund_checkout(selling: Selling, operation: Operation) -> Step:
    """End the subscription first, so that it collects nothing more; then give all of it back.

    That is what the checkout was paid with and what was collected later: by a renewal, a change,
    the end of a trial. Whether it is to be ended is decided before, and once: a second try would
    see that it has ended, and take that for nothing to do.
    """
    ask = decode(operation.ask)
    checkout_id, reason = str(ask["checkout"]), str(ask["reason"])
    if not operation.parameters:
        settlement = await selling.commerce.settlement(checkout_id)
        if settlement.subscription_stands:
            # No refunds yet: a worker of an older version finds none named, and leaves it to us.
            plan: Parameters = {"subscription": settlement.subscription_id}
        else:
            charges = await _all_of(selling, settlement)
            wanted = _refunds(selling, operation, charges, reason)
            if not wanted:
                return _nothing_left(checkout_id, charges)
            plan = {"subscription": "", "refunds": wanted}
        operation = await prepare(selling, operation, plan)
    operation = await _ended(selling, operation, checkout_id, reason)
    made = await _give_back(selling, operation)

    async def paid_page(store: Store) -> None:
        place = await store.place_of(operation.provider, operation.provider_account, checkout_id)
        if place is not None:
            await store.leave_place(place.operation_id, PlaceState.COMPLETE)

    return _made(operation, checkout_id, reason, made, paid_page)


async def _ended(
    selling: Selling, operation: Operation, checkout_id: str, reason: str
) -> Operation:
    """End what is to be ended, and only then decide what is given back; returns what is kept now.

    An older version decided before: what it may have sent stays as it was, and the rest is added.
    """
    plan = cast("Mapping[str, Any]", prepared(operation))
    if not plan["subscription"]:
        return operation
    await _cancel(selling, operation, plan["subscription"])
    known = plan.get("refunds", [])
    named = {payment_id for payment_id, _ in known}
    charges = await _all_of(selling, await selling.commerce.settlement(checkout_id))
    others = [charge for charge in charges if charge.payment_id not in named]
    added = _refunds(selling, operation, others, reason, further=bool(known))
    content = {"subscription": "", "refunds": [*known, *added]}
    return await selling.tx.run(
        lambda store: store.amend_operation(operation, encode(content), digest(content))
    )


async def _all_of(selling: Selling, settlement: Settlement) -> Sequence[Charge]:
    """Return what a checkout was paid with and what its subscription collected, each once."""
    name = settlement.subscription_id
    later = await selling.commerce.collected(name, _EVER) if name else ()
    return list({one.payment_id: one for one in (*settlement.charges, *later)}.values())


async def refund_subscription(selling: Selling, operation: Operation) -> Step:
    """End a subscription that stands, and only then look what was collected for it since a time.

    So nothing is collected between the look and the end. An invoice that is draft or open then is
    left to the provider, which collects nothing for a subscription that has ended; a payment that
    was on its way and arrives later is told like any other, and another operation is asked for,
    which finds only that left to give back. Nothing to end and nothing to give back is fine.
    """
    ask = cast("Mapping[str, Any]", decode(operation.ask))
    subscription_id, since = ask["subscription"], datetime.fromtimestamp(ask["paid_since"], UTC)
    if not operation.parameters:
        standing = await standing_of(selling, operation.account_id, subscription_id)
        if not is_over(standing):
            await _cancel(selling, operation, subscription_id)
        charges = await selling.commerce.collected(subscription_id, since)
        refunds = _refunds(selling, operation, charges, ask["reason"])
        operation = await prepare(selling, operation, {"refunds": refunds})
    made = await _give_back(selling, operation)
    return _made(operation, subscription_id, ask["reason"], made)


def _refunds(
    selling: Selling,
    operation: Operation,
    charges: Sequence[Charge],
    reason: str,
    *,
    further: bool = False,
) -> list[tuple[str, Parameters]]:
    """Say of each payment how to give back what is left of it, if anything is.

    All are ``further`` ones if the operation has made its first already.
    """
    left = [charge for charge in charges if charge.left.minor_units]
    build = selling.commerce.refund_parameters
    return [
        (charge.payment_id, build(charge, operation.marker, reason, further=further or place > 0))
        for place, charge in enumerate(left)
    ]


async def _give_back(selling: Selling, operation: Operation) -> Sequence[Refund]:
    """Make the refunds that were decided; one that is refused keeps no other from being made.

    What is raised then names those that were made, and is kept with them.
    """
    refunds: list[Refund] = []
    refusals: list[ProviderRefused] = []
    for payment_id, parameters in cast("dict[str, Any]", prepared(operation))["refunds"]:
        try:
            refunds.append(await _refund(selling, operation, payment_id, parameters))
        except ProviderRefused as exc:
            refusals.append(exc)
    if refusals:
        first = refusals[0]
        raise ProviderRefused(
            first.message, metadata={**first.metadata, **_named(refunds)}
        ) from first
    return refunds


def _made(
    operation: Operation,
    subject: str,
    reason: str,
    refunds: Sequence[Refund],
    also: Callable[[Store], Awaitable[None]] | None = None,
) -> Made:
    """Say what was given back; the audit record gets all of it by name."""
    total = _sum(refunds)
    result = {**result_of(total), **_named(refunds)}
    details = {"operation": operation.id, "account": operation.account_id, **result}
    entry = AuditEntry(_WORKER, "payments.refunds.made", subject, reason, "", details)
    return Made(total, total.id, result, also, entry if refunds else None)


def _named(refunds: Sequence[Refund]) -> Mapping[str, str]:
    """Name them all: a total bears the name of the first."""
    return {"refunds": " ".join(one.id for one in refunds)} if refunds else {}


def _nothing_left(checkout_id: str, charges: Sequence[Charge]) -> Made:
    """Nothing is left to do: it was given back before, or there never was anything."""
    given = [charge for charge in charges if charge.refund_id]
    if not given:
        raise NothingToRefund(
            "Nothing is left to give back and no subscription stands.",
            metadata={"checkout": checkout_id},
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
    async def find() -> Refund | None:
        return await selling.commerce.find_refund(payment_id, operation.marker)

    # The key is of all calls together: another one may have given up the one this was made with.
    refund = await find() if operation.attempt else None
    if refund is None:
        refund = await send(
            selling,
            operation,
            lambda key: selling.commerce.refund(f"{key}.{payment_id}", parameters),
            find,
        )
    if refund.failed:
        raise ProviderRefused(
            "The payment provider could not give the money back.",
            metadata={"code": "refund_failed", "refund": refund.id},
        )
    return refund


def _sum(refunds: Sequence[Refund]) -> Refund:
    """One refund stands for all: the first, which the operation's marker binds."""
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
