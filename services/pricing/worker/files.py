"""What the loops have in common: looking again at what is in a file, for ever."""

from collections.abc import Awaitable, Callable

import structlog

from services.chassis.clock import Clock
from services.chassis.errors import Unavailable
from services.pricing import usecases
from services.pricing.errors import CatalogRejected
from services.pricing.usecases import PricingTransactions

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("pricing.files")

LOOK_AGAIN = 1.0
PURGE_EVERY = 3600.0


async def keep_looking(
    clock: Clock,
    look: Callable[[], Awaitable[None]],
    refused: Callable[[CatalogRejected], None],
) -> None:
    """Look every second, for ever; a refusal is told, and the database waited for."""
    while True:
        await clock.sleep(LOOK_AGAIN)
        try:
            await look()
        except CatalogRejected as rejected:
            refused(rejected)
        except Unavailable as trouble:
            _log.warning("Files wait for the database.", problem=trouble.message)


async def purge(tx: PricingTransactions, clock: Clock) -> None:
    """Forget idempotency keys that are past their time, for ever."""
    while True:
        await clock.sleep(PURGE_EVERY)
        try:
            while await usecases.forget_answers(tx):
                pass
        except Unavailable as trouble:
            _log.warning("Idempotency keys wait for the database.", problem=trouble.message)
