"""Takes what an earlier version kept because it did not know its kind of fact.

A rollout lets two versions of every service run at once, so a newer one may tell what the older
ones of its consumers cannot read. They acknowledge and keep that (``inbox.keep_unknown``); the
version that knows the kind takes it from time to time, as an older replica may keep more meanwhile.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

import structlog

from services.chassis import inbox
from services.chassis.clock import Clock
from services.chassis.db import Connection
from services.chassis.errors import is_transient
from services.chassis.facts import FactRecord
from services.chassis.transactions import Transactions

EVERY = 60.0
"""Seconds between looks."""

Take = Callable[[FactRecord, str], Awaitable[None]]
"""Takes one fact from the service named second; returns when it is durable."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("tollgate.retaking")


class KeptFacts(Protocol):
    """Facts that were kept unknown, within one transaction."""

    async def kept_unknown(self, types: Sequence[str]) -> Sequence[tuple[FactRecord, str]]:
        """Return at most 100 of these types, oldest first, with their sources."""
        ...

    async def forget_kept(self, fact_id: str, type_name: str) -> None:
        """Forget that a fact was kept unknown, unless it waits for something else by now."""
        ...


class KeptFactsSql:
    """Facts that were kept unknown, in the inbox of a service on PostgreSQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def kept_unknown(self, types: Sequence[str]) -> Sequence[tuple[FactRecord, str]]:
        """Return facts that were kept unknown, with their sources."""
        return await inbox.kept_unknown(self._connection, types)

    async def forget_kept(self, fact_id: str, type_name: str) -> None:
        """Forget that a fact was kept unknown."""
        await inbox.forget_kept(self._connection, fact_id, type_name)


async def retake(tx: Transactions[KeptFacts], types: Sequence[str], take: Take) -> int:
    """Take what is kept of these types, and return how many facts that were.

    Each is forgotten only after it was taken; taking it twice does no harm.
    """
    taken = 0
    while kept := await tx.single(partial(_kept, types=types)):
        for record, source in kept:
            await take(record, source)
            await tx.single(partial(_forget, fact_id=record.id, type_name=record.type))
        taken += len(kept)
    return taken


async def retake_for_ever(
    tx: Transactions[KeptFacts],
    types: Sequence[str],
    take: Take,
    clock: Clock,
    *,
    every: float = EVERY,
) -> None:
    """Take what is kept every so many seconds; owned by a task group.

    What cannot be taken stays, and is told of each time: somebody has to look at it.
    """
    while True:
        try:
            taken = await retake(tx, types, take)
        except Exception as error:  # noqa: BLE001 - a loop that ended would be missed by nobody
            write = _log.warning if is_transient(error) else _log.error
            write("Kept facts could not be taken.", error=str(error))
        else:
            if taken:
                _log.info("Facts that were kept unknown are taken.", facts=taken)
        await clock.sleep(every)


async def _kept(store: KeptFacts, *, types: Sequence[str]) -> Sequence[tuple[FactRecord, str]]:
    return await store.kept_unknown(types)


async def _forget(store: KeptFacts, *, fact_id: str, type_name: str) -> None:
    await store.forget_kept(fact_id, type_name)
