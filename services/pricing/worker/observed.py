"""Catalogs that the provisioner tells of: read, put in force, and reported on."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from services.chassis.clock import Clock
from services.chassis.errors import InvalidArgument
from services.chassis.facts import FactRecord
from services.pricing import usecases
from services.pricing.convert.plans import PLANS_OBSERVED, from_plans_fact
from services.pricing.errors import CatalogRejected
from services.pricing.observed import Offer, SourceSeen, SourceTaken
from services.pricing.sources import ImportSettings, SourceForm, opened
from services.pricing.usecases import PricingTransactions
from services.pricing.worker.files import keep_looking
from services.pricing.worker.waiting import VersionsInForce

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("pricing.catalogs")

PROVISIONER = "provisioner"
KEY = "plans.yaml"


class ObservedCatalogs:
    """Takes facts about ConfigMaps with plans; all others go to ``others``.

    One that was refused for another catalog's sake, which sells a price of it, is taken again when
    that other one changes; if this process ends before, at its next start.
    """

    def __init__(
        self,
        tx: PricingTransactions,
        imports: ImportSettings,
        others: Callable[[FactRecord, str], Awaitable[None]],
    ) -> None:
        self._tx = tx
        self._imports = imports
        self._others = others
        self._versions = VersionsInForce(tx)
        self._refused: set[str] = set()

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
        offer = await self._offer(seen)
        self._note(await usecases.take_source(self._tx, seen, offer), offer)

    async def load(self) -> None:
        """Read what was told before again: what it is read with may be something else by now."""
        for source in await usecases.catalog_sources(self._tx):
            offer = await self._offer(source.seen)
            self._note(await usecases.take_source_again(self._tx, source, offer), offer)

    async def watch(self, clock: Clock) -> None:
        """Take what was refused again whenever another catalog changes, for ever."""
        await keep_looking(clock, self.look, _rejected)

    async def look(self) -> None:
        """Take what was refused again if another catalog changed since."""
        if not self._refused or not await self._versions.changed():
            return
        for source in await usecases.catalog_sources(self._tx):
            if source.seen.source in self._refused:
                # Whoever is told of something newer meanwhile sees to it.
                self._refused.discard(source.seen.source)
                offer = await self._offer(source.seen)
                taken = await usecases.take_source_again(self._tx, source, offer, retried=True)
                self._note(taken, offer, versions_known=True)

    def _note(
        self, taken: SourceTaken | None, offer: Offer, *, versions_known: bool = False
    ) -> None:
        if taken is None:
            return
        _tell(taken)
        name = taken.source.seen.source
        self._refused.discard(name)
        if offer.catalog is not None and not taken.version:
            self._refused.add(name)
            if not versions_known:
                self._versions.forget()

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


def _rejected(rejected: CatalogRejected) -> None:
    _log.error("A catalog is refused.", problems=rejected.problems)


def _tell(taken: SourceTaken) -> None:
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
