"""Calls to the provider: kept before they are sent, under keys, at a pace that replicas share.

What an operation sends is written down first and stays (rule 22); what a key's age or a replayed
failure hides is looked up before another key is used.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from services.chassis.clock import Clock
from services.chassis.transactions import Transactions
from services.payments.binding import Operation
from services.payments.commerce import Parameters, decode, digest, encode
from services.payments.errors import ProviderFailed
from services.payments.operations import Selling
from services.payments.ports import Pace, Store

T = TypeVar("T")

KEY_LIFE = 23 * 3600.0
"""Seconds; the provider forgets keys after 24 hours."""
_KEYS_A_RUN = 2


async def prepare(selling: Selling, operation: Operation, parameters: Parameters) -> Operation:
    """Keep what will be sent before it is; what is kept already stays, and is what is sent."""
    raw = encode(parameters)
    return await selling.tx.run(
        lambda store: store.prepare_operation(operation.id, raw, digest(parameters))
    )


def prepared(operation: Operation) -> Parameters:
    """Return what is sent."""
    return cast("Parameters", decode(operation.parameters))


async def send(
    selling: Selling,
    operation: Operation,
    call: Callable[[str], Awaitable[T]],
    find: Callable[[], Awaitable[T | None]],
) -> T:
    """Make a call with the operation's key; settle what the key's age or a replayed 500 hides.

    ``call`` is given the key, ``find`` looks for what the call makes. Rule 22: a new key is used
    only after the provider showed that nothing was made under the old one.
    """
    if operation.key_age > KEY_LIFE:
        found = await find()
        if found is not None:
            return found
        operation = await _renew(selling, operation)
    for _ in range(_KEYS_A_RUN):
        try:
            return await call(operation.key)
        except ProviderFailed as exc:
            found = await find()
            if found is not None:
                return found
            if not exc.replayed:
                raise
            failure = exc
        operation = await _renew(selling, operation)
    raise failure


async def _renew(selling: Selling, operation: Operation) -> Operation:
    return await selling.tx.run(
        lambda store: store.renew_operation(operation.id, operation.attempt)
    )


def shared_pace(tx: Transactions[Store], provider: str, clock: Clock, per_second: float) -> Pace:
    """Return a pace that all replicas share (rule 5); ``per_second`` for each endpoint."""

    async def pace(endpoint: str) -> None:
        name = f"{provider}:{endpoint}"
        while (wait := await tx.run(lambda store: store.take_token(name, per_second))) > 0:
            await clock.sleep(wait)

    return pace
