"""Introduces a service once: after its address was set, before anything else is expected of it."""

from collections.abc import Sequence

import structlog

from services.chassis.clock import Clock
from services.chassis.errors import Refusal
from services.chassis.outage import Outage
from services.provisioner.introduction.ports import IntroductionTransactions

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("provisioner.introduction")

_PAGE = 200


async def introduce(
    tx: IntroductionTransactions, destination: str, clock: Clock, *, wanted: bool
) -> None:
    """Tell a destination of every tenant, if it was not yet; forget it where it is not ``wanted``.

    Ends when that is done. A replica that dies on the way begins anew, and two at once tell the
    same facts: each is delivered once, or taken for a repetition.
    """
    outage = Outage(f"The introduction of {destination}", clock)
    while True:
        try:
            await _introduce(tx, destination, wanted=wanted)
        except Refusal as refusal:
            await outage.pause(refusal)
        else:
            outage.over()
            return


async def _introduce(tx: IntroductionTransactions, destination: str, *, wanted: bool) -> None:
    if not wanted:
        await tx.run(lambda store: store.forgotten(destination))
        return
    if await tx.run(lambda store: store.is_introduced(destination)):
        return
    told = 0
    page = await _tell(tx, destination, "")
    while page:
        told += len(page)
        page = await _tell(tx, destination, page[-1])
    await tx.run(lambda store: store.introduced(destination))
    _log.info("Somebody new was told of every tenant.", destination=destination, tenants=told)


async def _tell(tx: IntroductionTransactions, destination: str, after: str) -> Sequence[str]:
    return await tx.run(lambda store: store.tell(destination, after, _PAGE))
