"""Takes catalogs from sources that are told of: each content once, never an older one.

What is wrong with a source takes nothing away: what it said last stays in force, also when it is
gone. Nobody ended a sale by breaking or deleting a ConfigMap.
"""

from dataclasses import replace

from services.pricing.changes import Change
from services.pricing.errors import CatalogRejected
from services.pricing.observed import (
    LONGEST_REPORT,
    CatalogSource,
    Offer,
    SourceSeen,
    SourceTaken,
)
from services.pricing.ports import PricingTransactions, Store
from services.pricing.usecases.catalogs import put_in_force

_ACTOR = "service:provisioner"


async def catalog_sources(tx: PricingTransactions) -> list[CatalogSource]:
    """Return every source that was told of, by name."""
    return await tx.single(lambda store: store.catalog_sources())


async def take_source(
    tx: PricingTransactions, seen: SourceSeen, offer: Offer
) -> SourceTaken | None:
    """Take what a source was seen to say; None if it is known, or older than what is known."""

    async def take(store: Store) -> SourceTaken | None:
        await store.lock_activation()
        before = await store.catalog_source(seen.source)
        if before is not None and seen.revision <= before.seen.revision:
            return None
        if before is not None and before.seen == replace(seen, revision=before.seen.revision):
            await store.keep_source(replace(before, seen=seen))
            return None
        taken = await _take(store, before or CatalogSource(seen), seen, offer, edited=True)
        await store.audit(_change(taken))
        return taken

    return await tx.run(take)


async def take_source_again(
    tx: PricingTransactions, source: CatalogSource, offer: Offer, *, retried: bool = False
) -> SourceTaken | None:
    """Take a source that is known with what it is read with now; None if it says more by now.

    ``retried``: what it says was refused when it was told, and counts as told just now.
    """

    async def take(store: Store) -> SourceTaken | None:
        await store.lock_activation()
        before = await store.catalog_source(source.seen.source)
        if before is None or before.seen != source.seen:
            return None
        taken = await _take(store, before, source.seen, offer, edited=retried)
        if retried and taken.version:
            await store.audit(_change(taken))
        return taken

    return await tx.run(take)


async def _take(
    store: Store, before: CatalogSource, seen: SourceSeen, offer: Offer, *, edited: bool
) -> SourceTaken:
    kept = replace(before, seen=seen, error=offer.problems[:LONGEST_REPORT])
    version, changed = "", False
    if offer.catalog is not None:
        try:
            changed = await put_in_force(
                store, offer.catalog, edited=edited, left_out=kept.error, source=seen.source
            )
        except CatalogRejected as rejected:
            kept = replace(kept, error=str(rejected)[:LONGEST_REPORT])
        else:
            kept, version = replace(kept, catalog=offer.catalog.name), offer.catalog.version
    if not version and kept.catalog:
        await store.note_error(kept.catalog, kept.error)
    await store.keep_source(kept)
    return SourceTaken(kept, version, changed)


def _change(taken: SourceTaken) -> Change:
    """Say what came of it, whole: what was left out is for a person to read."""
    what = "catalog.take" if taken.version else "catalog.refuse"
    told = f"{taken.source.catalog} {taken.version}" if taken.version else "what it said last stays"
    reason = f"{told}: {taken.source.error}" if taken.source.error else told
    return Change(_ACTOR, what, taken.source.seen.source, reason)
