"""Products and prices from the product's catalog files, in whatever form pricing takes them.

Of its own form only what is sold is read, and scalars are text, so that no amount ever becomes a
float. The other forms are read as pricing reads them.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import yaml

from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.money import minor_units
from deploy.sandbox.stripe.resources import prices, products
from deploy.sandbox.stripe.shapes import JsonObject
from services.pricing.errors import CatalogRejected
from services.pricing.sources import (
    ImportOptions,
    ImportSettings,
    SourceForm,
    exported,
    guessed,
    opened,
    read_imports,
)

SECTIONS = {"plans": "plan", "addons": "addon"}  # section of a file → name in metadata


class TextLoader(yaml.SafeLoader):
    """Scalars stay text; anchors and `<<` merges work as ever."""

    yaml_implicit_resolvers = {"<": yaml.SafeLoader.yaml_implicit_resolvers["<"]}  # noqa: RUF012


class CatalogError(Exception):
    """A catalog file that cannot be used; the text names the file, the plan and why."""


def import_settings(file: Path | None, prices: Mapping[str, str]) -> ImportSettings:
    """Return what other forms are read with: pricing's file of imports, and its price ids."""
    common = ImportOptions(price_ids=prices)
    if file is None:
        return ImportSettings(others=common)
    try:
        return read_imports(file.read_text(), str(file), common)
    except (OSError, UnicodeDecodeError, CatalogRejected) as wrong:
        raise CatalogError(f"{file}: {wrong}") from wrong


def seed(context: Context, paths: Iterable[Path], imports: ImportSettings | None = None) -> None:
    """Make the products and prices of these files or folders; both are set again at each start."""
    sold: dict[str, str] = {}
    for path in _files(paths):
        for made in _read(path, imports or ImportSettings()):
            _check_once(sold, made, path)
            _keep(context, made)


def learn(context: Context, name: str, text: str, imports: ImportSettings) -> list[str]:
    """Make the products and prices of a ConfigMap that are not there yet; return the prices.

    ``name`` is its ``namespace/name``. What is there stays as it is, as prices of Stripe do.
    """
    reading = opened(text, name, imports.observed_options(name), SourceForm.BILLING_PLANS)
    if reading.catalog is None:
        raise CatalogError("\n".join(str(problem) for problem in reading.problems))
    learnt: list[str] = []
    own = exported(reading.catalog, SourceForm.OWN).text
    for made in _offers(Path(name), yaml.load(own, Loader=TextLoader)):  # noqa: S506 (a SafeLoader)
        if context.tx.get(made["object"], made["id"]) is None:
            _keep(context, made)
            learnt += [made["id"]] if made["object"] == "price" else []
    return learnt


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            found = [*path.glob("*.yaml"), *path.glob("*.yml")]
            yield from sorted(found)
        elif path.is_file():
            yield path
        else:
            raise CatalogError(f"{path}: no such file or folder")


def _read(path: Path, imports: ImportSettings) -> Iterator[JsonObject]:
    return _offers(path, _document(path, path.read_text(), imports))


def _offers(path: Path, document: object) -> Iterator[JsonObject]:
    if not isinstance(document, dict) or not isinstance(document.get("catalog"), str):
        raise CatalogError(f"{path}: the key `catalog` with the catalog's id is missing")
    for section, label in SECTIONS.items():
        for short, entry in (document.get(section) or {}).items():
            if not isinstance(entry, dict):
                raise CatalogError(f"{path}: {section}.{short} is not a map")
            yield from _offer(path, document["catalog"], short, label, entry)


def _document(path: Path, text: str, imports: ImportSettings) -> object:
    try:
        document: object = yaml.load(text, Loader=TextLoader)  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError as broken:
        raise CatalogError(f"{path}: not valid YAML: {broken}") from broken
    if not isinstance(document, dict) or guessed(document) is SourceForm.OWN:
        return document
    # What is wrong with a part of it is pricing's to say: that part is not sold there either.
    reading = opened(text, str(path), imports.options(path.name))
    if reading.catalog is None:
        raise CatalogError("\n".join(str(problem) for problem in reading.problems))
    return _document(path, exported(reading.catalog, SourceForm.OWN).text, imports)


def _offer(
    path: Path, catalog: str, short: str, label: str, entry: JsonObject
) -> Iterator[JsonObject]:
    """The product of a plan or add-on, then its prices."""
    name = f"{catalog}/{short}"
    product = products.shape(f"prod_{catalog}_{short}", entry.get("name") or short, 0)
    product["metadata"] = {label: name}
    yield product
    seen: dict[str, str] = {}
    for wanted in entry.get("prices") or []:
        price = _price(f"{path}: {name}", product["id"], wanted)
        if price is None:
            continue
        key = _lookup_key(name, price, seen)
        price |= {"lookup_key": key, "metadata": {label: key}}
        yield price


def _price(where: str, product_id: str, wanted: JsonObject) -> JsonObject | None:
    """A price, or None where nothing is sold through the provider."""
    price_id = wanted.get("stripe_price")
    if not price_id:
        return None
    currency = str(wanted.get("currency", "")).lower()
    if len(currency) != 3:
        raise CatalogError(f"{where}: price {price_id} has no currency of three letters")
    try:
        amount = minor_units(str(wanted.get("amount", "")), currency)
    except ValueError as wrong:
        raise CatalogError(f"{where}: price {price_id}: amount {wrong}") from wrong
    price = prices.shape(price_id, product_id, currency, amount, 0)
    interval = wanted.get("interval")
    if interval is None:
        return price
    if interval not in prices.INTERVALS:
        raise CatalogError(f"{where}: price {price_id} has an unknown interval {interval!r}")
    return price | {"type": "recurring", "recurring": prices.recurring(interval)}


def _lookup_key(name: str, price: JsonObject, seen: dict[str, str]) -> str:
    """`<plan>` for the first monthly price, with interval or currency added for the others."""
    interval = (price["recurring"] or {"interval": "once"})["interval"]
    first = seen.setdefault(interval, price["currency"])
    parts = [name]
    if interval != "month":
        parts.append(interval)
    if price["currency"] != first:
        parts.append(price["currency"])
    return "/".join(parts)


def _check_once(sold: dict[str, str], made: JsonObject, path: Path) -> None:
    names = [made["id"]]
    if made["object"] == "price":
        names.append(f"lookup key {made['lookup_key']}")
    for name in names:
        if name in sold:
            raise CatalogError(f"{path}: {name} is already in {sold[name]}")
        sold[name] = str(path)


def _keep(context: Context, made: JsonObject) -> None:
    kind = made["object"]
    old = context.tx.get(kind, made["id"])
    created = old["created"] if old else context.now
    fresh = made | {"created": created}
    if kind == "product":
        fresh["updated"] = created
    if fresh != old:
        context.tx.save(kind, fresh)
