"""Catalogs: what is sold, what a price stands for, what a plan expands to.

Reads run without a transaction around them: which version is in force is one statement, and what a
version says never changes, so a second statement cannot disagree with the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.chassis.errors import Violations
from services.pricing.capacity import NotEnlargeable, enlarged
from services.pricing.domain import (
    ActiveCatalog,
    Addon,
    Catalog,
    Expansion,
    Plan,
    PricedSubject,
    ResolvedPrice,
    qualified,
    split_name,
)
from services.pricing.errors import (
    AddonDoesNotFit,
    CatalogGoverned,
    PriceContested,
    UnknownAddon,
    UnknownCatalog,
    UnknownCatalogVersion,
    UnknownPlan,
)
from services.pricing.ports import CatalogStore, CatalogTransactions

MAX_PRICES = 100
MAX_ADDONS = 100
MAX_QUANTITY = 1000


@dataclass(frozen=True, slots=True)
class ItemQuery:
    """Which plans or add-ons are listed; an empty catalog is all of them."""

    catalog: str
    include_hidden: bool


async def list_catalogs(tx: CatalogTransactions) -> list[ActiveCatalog]:
    """Return every catalog in force, by name."""
    return await tx.single(lambda store: store.active())


async def list_plans(tx: CatalogTransactions, query: ItemQuery) -> list[tuple[Catalog, Plan]]:
    """Return plans in the order of their catalog; UnknownCatalog if it is not in force."""
    return [
        (catalog, plan)
        for catalog in await _catalogs(tx, query.catalog)
        for plan in catalog.plans.values()
        if query.include_hidden or plan.self_service
    ]


async def list_addons(tx: CatalogTransactions, query: ItemQuery) -> list[tuple[Catalog, Addon]]:
    """Return add-ons in the order of their catalog; UnknownCatalog if it is not in force."""
    return [
        (catalog, addon)
        for catalog in await _catalogs(tx, query.catalog)
        for addon in catalog.addons.values()
        if query.include_hidden or (addon.self_service and not addon.disabled)
    ]


async def plan_with_addons(
    store: CatalogStore, name: str, addons: Sequence[tuple[str, int]]
) -> tuple[Catalog, Plan, list[tuple[Addon, int]]]:
    """Return a plan of the version in force, with add-ons of it."""
    catalog_name, plan_id = _name("plan", name)
    catalog = await catalog_at(store, catalog_name, "")
    return catalog, plan_of(catalog, plan_id), _addons(catalog, addons)


async def get_plan(tx: CatalogTransactions, name: str, version: str) -> tuple[Catalog, Plan]:
    """Return a plan at a version, or at the one in force."""
    catalog_name, plan_id = _name("name", name)

    async def read(store: CatalogStore) -> Catalog:
        return await catalog_at(store, catalog_name, version)

    catalog = await tx.single(read)
    return catalog, plan_of(catalog, plan_id)


async def resolve_prices(
    tx: CatalogTransactions, provider: str, prices: Sequence[str]
) -> list[ResolvedPrice]:
    """Say what prices stand for, by the version in force that knows each, or else the newest."""
    bad = Violations()
    if not provider:
        bad.add("provider", "name a payment provider, such as stripe")
    if not 1 <= len(prices) <= MAX_PRICES:
        bad.add("prices", f"expected 1 to {MAX_PRICES} price ids, got {len(prices)}")
    bad.raise_if_any()
    known = dict(await tx.single(lambda store: store.sold_by(provider, sorted(set(prices)))))
    return [ResolvedPrice(price, _sold(known.get(price), provider, price)) for price in prices]


async def expand_capacity(
    tx: CatalogTransactions, name: str, version: str, addons: Sequence[tuple[str, int]]
) -> Expansion:
    """Return the capacity of a plan with add-ons.

    A version that is named is used only by a plan that says `pin`: entitlements of the others
    follow the newest version, or the named one if the plan is gone from it.
    """
    catalog_name, plan_id = _name("plan", name)

    async def read(store: CatalogStore) -> tuple[Catalog, str]:
        return await _governing(store, catalog_name, plan_id, version)

    catalog, active_version = await tx.single(read)
    plan = plan_of(catalog, plan_id)
    additions = [(addon.adds, times) for addon, times in _addons(catalog, addons)]
    try:
        capacity = enlarged(plan.provisions, additions)
    except NotEnlargeable as error:
        raise AddonDoesNotFit(f"{name}: {error}.", metadata={"plan": name}) from None
    return Expansion(catalog, plan, capacity, active_version)


async def activate(
    tx: CatalogTransactions, catalog: Catalog, *, edited: bool, left_out: str = ""
) -> bool:
    """Put a catalog in force and say whether that changed anything.

    A version that was in force before is put back only by an edit that this process saw
    (``edited``): else the replica that still reads the old file would undo the new one's work.
    ``left_out`` is what of its source is not in force, and why. PriceContested if another catalog
    sells one of its provider prices; CatalogGoverned if it comes from a source that is told of.
    """

    async def write(store: CatalogStore) -> bool:
        await store.lock_activation()
        return await put_in_force(store, catalog, edited=edited, left_out=left_out)

    return await tx.run(write)


async def put_in_force(
    store: CatalogStore, catalog: Catalog, *, edited: bool, left_out: str, source: str = ""
) -> bool:
    """Do what ``activate`` says within a transaction that may activate; nothing if it raises.

    ``source`` is what it was told of by, empty for a file.
    """
    governor = await store.governor(catalog.name)
    if governor not in ("", source):
        raise CatalogGoverned(catalog.name, governor)
    current = await store.active_catalog(catalog.name)
    taken = await store.sold_elsewhere(catalog)
    if taken:
        problems = [f"{price} is sold by catalog {other} already" for price, other in taken]
        raise PriceContested(catalog.name, problems)
    new = await store.add_version(catalog)
    same = current is not None and current.version == catalog.version
    if not (new or edited or same or current is None):
        return False
    # The same again clears what was wrong with its source, which is right now.
    await store.activate(catalog)
    if left_out:
        await store.note_error(catalog.name, left_out)
    return not same


async def note_bad_source(tx: CatalogTransactions, name: str, error: str) -> bool:
    """Keep the last good version in force and say why; False if there is none.

    Of a catalog that comes from a source that is told of, nothing is said: no file is to blame.
    """

    async def note(store: CatalogStore) -> bool:
        if await store.governor(name):
            return True
        return await store.note_error(name, error)

    return await tx.run(note)


async def _catalogs(tx: CatalogTransactions, name: str) -> list[Catalog]:
    found = [entry.catalog for entry in await tx.single(lambda store: store.active())]
    if not name:
        return found
    chosen = [catalog for catalog in found if catalog.name == name]
    if not chosen:
        raise _unknown_catalog(name, [catalog.name for catalog in found])
    return chosen


async def catalog_at(store: CatalogStore, name: str, version: str) -> Catalog:
    """Return a catalog at a version, or the one in force; UnknownCatalog, UnknownCatalogVersion."""
    if version:
        catalog = await store.version(name, version)
        if catalog is None:
            raise UnknownCatalogVersion(
                f"Catalog {name} never had version {version}.", metadata={"catalog": name}
            )
        return catalog
    catalog = await store.active_catalog(name)
    if catalog is None:
        raise _unknown_catalog(name, [entry.catalog.name for entry in await store.active()])
    return catalog


async def _governing(
    store: CatalogStore, name: str, plan_id: str, version: str
) -> tuple[Catalog, str]:
    if not version:
        newest = await catalog_at(store, name, "")
        return newest, newest.version
    sold_at = await catalog_at(store, name, version)
    current = await store.active_catalog(name)
    sold = sold_at.plans.get(plan_id)
    if current is None:
        return sold_at, ""
    if plan_id not in current.plans or (sold is not None and sold.pin):
        return sold_at, current.version
    return current, current.version


def _sold(
    catalog: Catalog | None, provider: str, price_id: str
) -> tuple[Catalog, PricedSubject] | None:
    if catalog is None:
        return None
    for priced in catalog.provider_prices():
        if (priced.provider, priced.price_id) == (provider, price_id):
            return catalog, priced
    return None


def plan_of(catalog: Catalog, plan_id: str) -> Plan:
    """Return a plan of a catalog; UnknownPlan."""
    plan = catalog.plans.get(plan_id)
    if plan is None:
        raise UnknownPlan(
            f"Catalog {catalog.name} has no plan {plan_id}; it has {', '.join(catalog.plans)}.",
            metadata={"catalog": catalog.name, "plans": ",".join(catalog.plans)},
        )
    return plan


def _addons(catalog: Catalog, wanted: Sequence[tuple[str, int]]) -> list[tuple[Addon, int]]:
    bad = Violations()
    if len(wanted) > MAX_ADDONS:
        bad.add("addons", f"expected at most {MAX_ADDONS}, got {len(wanted)}")
    seen: set[str] = set()
    for index, (name, quantity) in enumerate(wanted):
        if name in seen:
            bad.add(f"addons[{index}].addon", f"{name} stands twice; give one quantity")
        if name.partition("/")[0] != catalog.name:
            bad.add(f"addons[{index}].addon", f"expected an add-on of catalog {catalog.name}")
        if not 1 <= quantity <= MAX_QUANTITY:
            bad.add(f"addons[{index}].quantity", f"expected 1 to {MAX_QUANTITY}, got {quantity}")
        seen.add(name)
    bad.raise_if_any()
    return [(_addon(catalog, name), quantity) for name, quantity in wanted]


def _addon(catalog: Catalog, name: str) -> Addon:
    addon = catalog.addons.get(name.partition("/")[2])
    if addon is None:
        known = [qualified(catalog.name, key) for key in catalog.addons]
        raise UnknownAddon(
            f"There is no add-on {name}; catalog {catalog.name} has {', '.join(known) or 'none'}.",
            metadata={"catalog": catalog.name, "addons": ",".join(known)},
        )
    return addon


def _name(field: str, name: str) -> tuple[str, str]:
    bad = Violations()
    try:
        return split_name(name)
    except ValueError as error:
        bad.add(field, str(error))
        bad.raise_if_any()
        raise


def _unknown_catalog(name: str, known: Sequence[str]) -> UnknownCatalog:
    return UnknownCatalog(
        f"There is no catalog {name}; in force are {', '.join(known) or 'none'}.",
        metadata={"catalogs": ",".join(known)},
    )
