"""Catalogs that the provisioner tells of: read, put in force, and reported on."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from services.chassis.errors import InvalidArgument
from services.chassis.facts import FactRecord
from services.pricing import usecases
from services.pricing.convert.plans import PLANS_OBSERVED, from_plans_fact
from services.pricing.observed import Offer, SourceSeen, SourceTaken
from services.pricing.sources import ImportSettings, SourceForm, opened
from services.pricing.usecases import PricingTransactions

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("pricing.catalogs")

PROVISIONER = "provisioner"
KEY = "plans.yaml"


class ObservedCatalogs:
    """Takes facts about ConfigMaps with plans; all others go to ``others``."""

    def __init__(
        self,
        tx: PricingTransactions,
        imports: ImportSettings,
        others: Callable[[FactRecord, str], Awaitable[None]],
    ) -> None:
        self._tx = tx
        self._imports = imports
        self._others = others

    async def take(self, fact: FactRecord, source: str) -> None:
        """Take one fact; InvalidArgument if it can never be taken.

        A content that cannot be read is taken too: it is reported, and changes nothing.
        """
        if fact.type != PLANS_OBSERVED:
            await self._others(fact, source)
            return
        if source != PROVISIONER:
            raise InvalidArgument(f"{source} does not own {fact.type}.", reason="WRONG_SOURCE")
        seen = from_plans_fact(fact)
        _tell(await usecases.take_source(self._tx, seen, await self._offer(seen)))

    async def load(self) -> None:
        """Read what was told before again: what it is read with may be something else by now."""
        for source in await usecases.catalog_sources(self._tx):
            offer = await self._offer(source.seen)
            _tell(await usecases.take_source_again(self._tx, source, offer))

    async def _offer(self, seen: SourceSeen) -> Offer:
        # A thread: a long text takes a part of a second.
        return await asyncio.to_thread(offered, seen, self._imports)


def offered(seen: SourceSeen, imports: ImportSettings) -> Offer:
    """Read what a ConfigMap says."""
    if not seen.stands:
        return Offer(None, f"{seen.source}: is gone, or not watched any more")
    within = f"{seen.source}#{KEY}"
    if seen.text is None:
        size = f"has {seen.left_out_bytes} bytes, too many" if seen.left_out_bytes else "is missing"
        return Offer(None, f"{within}: {size}")
    options = imports.observed_options(seen.source)
    reading = opened(seen.text, within, options, SourceForm.BILLING_PLANS)
    problems = "\n".join(str(problem) for problem in reading.problems)
    # No column of text takes a NUL.
    return Offer(reading.catalog, problems.replace("\0", "\ufffd"))


def _tell(taken: SourceTaken | None) -> None:
    if taken is None:
        return
    known = taken.source
    if not taken.version:
        _log.error(
            "A catalog's source cannot be taken; what it said last stays in force.",
            source=known.seen.source,
            catalog=known.catalog,
            problems=known.error.splitlines(),
        )
        return
    if known.error:
        _log.error(
            "A part of a catalog is left out; the rest is in force.",
            source=known.seen.source,
            catalog=known.catalog,
            problems=known.error.splitlines(),
        )
    if taken.changed:
        _log.info(
            "A catalog is in force.",
            source=known.seen.source,
            catalog=known.catalog,
            version=taken.version,
        )
