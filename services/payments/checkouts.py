"""Making payment pages: one open page for an account, one customer for good.

Every step can be repeated: what was made is found again by the operation that asked for it.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from services.chassis.ids import derived
from services.chassis.money import Money
from services.payments.binding import Operation, OperationKind, OperationState
from services.payments.commerce import (
    AccountPage,
    BilledItem,
    NewCheckout,
    NewCustomer,
    Page,
    PageState,
    Place,
    PlaceState,
    decode,
    digest,
)
from services.payments.domain import OperationId
from services.payments.errors import (
    CheckoutCompleted,
    CheckoutTooLate,
    ObjectOutOfReach,
    QuoteMismatch,
)
from services.payments.operations import Joined, Later, Made, Selling, Step
from services.payments.ports import Store
from services.payments.sending import prepare, prepared, send

LOOK_BACK = timedelta(minutes=5)
"""How much the provider's clock may be behind the database's."""
_SHORTEST, _LONGEST = timedelta(minutes=30, seconds=30), timedelta(hours=24, seconds=-30)
_OTHER_UNDER_WAY = 0.25
"""Seconds after which a page that another makes is looked for again; a page that this process
makes is heard of at once."""
_TURNS = 20


async def make_checkout(selling: Selling, operation: Operation) -> Step:
    """Take the account's place, make the customer and the page, and compare the money."""
    wanted = from_content(decode(operation.ask))
    place = await _take_place(selling, operation, wanted)
    if not isinstance(place, Place):
        return place
    customer_id = await customer_for(selling, operation, wanted)
    if not operation.parameters:
        wanted = _in_time(wanted, selling.clock.now())
        code = wanted.promotion_code
        promotion = await selling.commerce.promotion(code) if code else ""
        parameters = selling.commerce.checkout_parameters(
            wanted, customer_id, promotion, operation.marker
        )
        operation = await prepare(selling, operation, parameters)
    page = await _send(selling, operation, customer_id)
    if page.subtotal != wanted.subtotal:
        await selling.commerce.expire_checkout(page.id)
        raise QuoteMismatch(
            f"The payment provider would charge {page.subtotal}, the quote says {wanted.subtotal}."
        )
    filled = replace(place, session_id=page.id, expire_time=page.expire_time or wanted.expire_time)

    async def also(store: Store) -> None:
        await store.fill_place(operation.id, filled.session_id, filled.expire_time)

    return Made(AccountPage(filled, page), object_id=page.id, also=also)


def _in_time(wanted: NewCheckout, now: datetime) -> NewCheckout:
    """Keep a page's end within what providers take; raises CheckoutTooLate once it has passed."""
    if now >= wanted.expire_time:
        raise CheckoutTooLate("The payment provider was not reached before the quote's time ended.")
    end = min(max(wanted.expire_time, now + _SHORTEST), now + _LONGEST)
    return replace(wanted, expire_time=end)


async def _send(selling: Selling, operation: Operation, customer_id: str) -> Page:
    since = begun(operation)

    async def find() -> Page | None:
        return await selling.commerce.find_checkout(operation.marker, customer_id, since)

    return await send(
        selling,
        operation,
        lambda key: selling.commerce.create_checkout(key, prepared(operation)),
        find,
    )


def begun(operation: Operation) -> datetime:
    """Return since when the provider can have made what an operation makes."""
    return (operation.create_time or datetime.fromtimestamp(0, UTC)) - LOOK_BACK


async def _take_place(
    selling: Selling, operation: Operation, wanted: NewCheckout
) -> Place | Joined | Later:
    mine = Place(
        operation_id=operation.id,
        account_id=operation.account_id,
        provider=operation.provider,
        provider_account=operation.provider_account,
        quote=wanted.quote,
        ask_hash=digest(wanted.sold),
        expire_time=wanted.expire_time,
    )
    for _ in range(_TURNS):
        # One at a time: else all who waited for another's page would shut it, each by a call.
        async with selling.turns.of(operation.account_id):
            found = await _try_place(selling, mine)
        if isinstance(found, Place | Joined):
            return found
        if found is not None:
            await selling.answers.news(found, _OTHER_UNDER_WAY)
    return Later(1.0)


async def _try_place(selling: Selling, mine: Place) -> Place | Joined | OperationId | None:
    """Take the place, or join the page that is there.

    Returns the operation that makes another page, which has to be known before it can be shut;
    None if the place was freed just now.
    """
    live = await selling.tx.run(lambda store: store.take_place(mine))
    if live.operation_id == mine.operation_id:
        return live
    same = live.ask_hash == mine.ask_hash
    if not live.session_id:
        return Joined(live.operation_id) if same else live.operation_id
    page = await _look(selling, live, shut=not same)
    if page is not None and page.state is PageState.OPEN:
        return Joined(live.operation_id, AccountPage(live, page))
    await _leave(selling, live, page)
    return None


async def _look(selling: Selling, live: Place, *, shut: bool) -> Page | None:
    """Return the account's page as it is, shut if another is wanted; None if it is out of reach.

    A page that is out of reach says nothing about money until its time is over.
    """
    try:
        if shut:
            return await selling.commerce.expire_checkout(live.session_id)
        return await selling.commerce.fetch_checkout(live.session_id)
    except ObjectOutOfReach:
        if selling.clock.now() < live.expire_time:
            raise
        return None


async def _leave(selling: Selling, live: Place, page: Page | None) -> None:
    """Free the place of a page that is over.

    One that was completed keeps it until its fact is made (see ``effects``), so that nobody pays
    twice while the webhook is on its way; a webhook that never comes holds it for the page's time.
    """
    complete = page is not None and page.state is PageState.COMPLETE
    if complete and selling.clock.now() < live.expire_time:
        raise CheckoutCompleted(
            "The account's payment page was completed a moment ago.",
            metadata={"checkout": live.session_id},
        )
    state = PlaceState.COMPLETE if complete else PlaceState.CLOSED
    await selling.tx.run(lambda store: store.leave_place(live.operation_id, state))


async def customer_for(selling: Selling, operation: Operation, wanted: NewCheckout) -> str:
    """Return the account's customer; binds the one that is hinted at, or makes one, once."""
    account, home = operation.account_id, (operation.provider, operation.provider_account)
    known = await selling.tx.run(lambda store: store.customer_of(account, *home))
    if known:
        return known
    hint = wanted.customer_id
    if hint and await selling.commerce.customer_exists(hint):
        bound = await selling.tx.run(lambda store: store.bind_customer(account, *home, hint))
        if bound:
            return bound
    return await _make_customer(selling, operation, wanted.customer)


async def _make_customer(selling: Selling, cause: Operation, wanted: NewCustomer) -> str:
    """Make the customer under an operation whose id only the account decides."""
    account, home = cause.account_id, (cause.provider, cause.provider_account)
    name = OperationId(derived("op", "customer", cause.deployment, *home, account))
    blank = Operation(
        id=name,
        kind=OperationKind.CUSTOMER,
        account_id=account,
        provider=cause.provider,
        provider_account=cause.provider_account,
        deployment=cause.deployment,
        parameters=b"",
        parameters_hash=b"",
    )
    await selling.tx.run(lambda store: store.put_operation_once(blank))
    parameters = selling.commerce.customer_parameters(wanted, blank.marker)
    operation = await prepare(selling, blank, parameters)
    made = operation.object_id or await send(
        selling,
        operation,
        lambda key: selling.commerce.create_customer(key, prepared(operation)),
        lambda: selling.commerce.find_customer(operation.marker, begun(operation)),
    )

    async def bind(store: Store) -> str:
        await store.finish_operation(name, OperationState.MADE, made, {})
        return await store.bind_customer(account, *home, made)

    bound = await selling.tx.run(bind)
    return bound or made


def from_content(content: Mapping[str, object]) -> NewCheckout:
    """Read what ``NewCheckout.content`` wrote."""
    told = cast("Mapping[str, Any]", content)
    return NewCheckout(
        items=tuple(BilledItem(price, quantity) for price, quantity in told["items"]),
        recurring=told["recurring"],
        quote=told["quote"],
        subtotal=Money(told["currency"], told["subtotal"]),
        expire_time=datetime.fromtimestamp(told["expire_time"], UTC),
        success_url=told["success_url"],
        cancel_url=told["cancel_url"],
        trial_days=told["trial_days"],
        promotion_code=told["promotion_code"],
        customer=NewCustomer(told["email"], told["identity"]),
        customer_id=told["customer_id"],
    )
