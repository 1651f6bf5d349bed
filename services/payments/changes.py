"""Changing and ending subscriptions at the provider."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from services.payments.binding import Operation
from services.payments.commerce import BilledItem, EndMode, Standing, decode
from services.payments.domain import AccountId
from services.payments.errors import (
    ObjectOutOfReach,
    SubscriptionChanged,
    SubscriptionOver,
    UnknownSubscription,
)
from services.payments.operations import Later, Made, Selling, Step
from services.payments.ports import Store
from services.payments.sending import prepare, prepared, send
from services.payments.turns import is_its_turn
from services.payments.views import SubscriptionStatus

_OVER = frozenset({SubscriptionStatus.CANCELED, SubscriptionStatus.INCOMPLETE_EXPIRED})
_EARLIER_UNDER_WAY = 0.25
"""Seconds after which an earlier change of the account is looked at again."""


async def change_subscription(selling: Selling, operation: Operation) -> Step:
    """Bill for other items from now on, after the account's changes that were under way before.

    Two that were worked out from the same would else both be sent, and one be lost.
    """
    if not operation.parameters and not await is_its_turn(selling.tx, operation):
        return Later(_EARLIER_UNDER_WAY)
    subscription_id, ask = _subject(operation)
    wanted = tuple(BilledItem(price, quantity) for price, quantity in ask["items"])
    standing = await standing_of(selling, operation.account_id, subscription_id)

    async def applied() -> bool | None:
        seen = await selling.commerce.standing(subscription_id)
        return selling.commerce.change_parameters(seen, wanted) is None or None

    async def change(key: str) -> bool:
        await selling.commerce.change_subscription(key, subscription_id, prepared(operation))
        return True

    if not operation.parameters:
        _refuse_over(standing)
        _refuse_changed(standing, [BilledItem(*item) for item in ask.get("held", ())])
        parameters = selling.commerce.change_parameters(standing, wanted)
        if parameters is None:
            return Made(standing.view)
        operation = await prepare(selling, operation, parameters)
    await send(selling, operation, change, applied)
    return Made((await selling.commerce.standing(subscription_id)).view)


async def end_subscription(selling: Selling, operation: Operation) -> Step:
    """End a subscription, now or later, or take a coming end back."""
    subscription_id, ask = _subject(operation)
    mode = EndMode(ask["mode"])
    standing = await standing_of(selling, operation.account_id, subscription_id)
    if mode is EndMode.NOW and is_over(standing):
        return Made(standing.view)
    if not operation.parameters:
        _refuse_over(standing)
        operation = await prepare(selling, operation, selling.commerce.end_parameters(mode))

    async def applied() -> bool | None:
        return _is_so(await selling.commerce.standing(subscription_id), mode) or None

    async def end(key: str) -> bool:
        if mode is EndMode.NOW:
            await selling.commerce.cancel_subscription(key, subscription_id)
        else:
            parameters = prepared(operation)
            await selling.commerce.change_subscription(key, subscription_id, parameters)
        return True

    await send(selling, operation, end, applied)
    return Made((await selling.commerce.standing(subscription_id)).view)


async def standing_of(selling: Selling, account: AccountId, subscription_id: str) -> Standing:
    """Return an account's subscription. Raises UnknownSubscription."""
    try:
        standing = await selling.commerce.standing(subscription_id)
    except ObjectOutOfReach as exc:
        raise UnknownSubscription(f"The provider shows no {subscription_id}.") from exc
    if not await selling.tx.run(lambda store: _is_of(selling, store, account, standing)):
        raise UnknownSubscription(f"{subscription_id} is not this account's.")
    return standing


async def _is_of(selling: Selling, store: Store, account: AccountId, standing: Standing) -> bool:
    """Tell whose a subscription is: what we wrote decides, then the customer that we know.

    A shop's own subscription (rule 4's exception) has neither; subscription, which asks, holds the
    binding of its customer then, and here only that it is nobody else's.
    """
    marker, customer = standing.view.marker, standing.view.customer.id
    if marker is not None:
        return (marker.deployment, marker.account_id) == (selling.deployment, account)
    owner = await store.account_of_customer(*selling.home, customer)
    return owner in ("", account)


def is_over(standing: Standing) -> bool:
    """Tell whether a subscription has ended for good."""
    return standing.view.status in _OVER


def _refuse_over(standing: Standing) -> None:
    if is_over(standing):
        raise SubscriptionOver(
            f"{standing.view.id} has ended.", metadata={"subscription": standing.view.id}
        )


def _refuse_changed(standing: Standing, held: Sequence[BilledItem]) -> None:
    """Refuse what was worked out from something else than what is billed."""
    if held and set(held) != set(standing.billed):
        raise SubscriptionChanged(
            f"{standing.view.id} was changed meanwhile.",
            metadata={"subscription": standing.view.id},
        )


def _is_so(standing: Standing, mode: EndMode) -> bool:
    if mode is EndMode.NOW:
        return is_over(standing)
    return standing.view.cancel_at_period_end == (mode is EndMode.AT_PERIOD_END)


def _subject(operation: Operation) -> tuple[str, Mapping[str, Any]]:
    ask = cast("Mapping[str, Any]", decode(operation.ask))
    return ask["subscription"], ask
