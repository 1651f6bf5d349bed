"""From a catalog file's text to a catalog, or to a list of problems with file, line and key."""

import hashlib
import json
from collections.abc import Iterator
from itertools import pairwise

from pydantic import ValidationError

from services.pricing.catalog_schema import CatalogForm, PriceForm
from services.pricing.catalog_yaml import (
    Finding,
    MarkedYaml,
    Path,
    Plain,
    YamlProblem,
    dotted,
    read,
)
from services.pricing.domain import Catalog, EndPolicy
from services.pricing.errors import CatalogRejected


def parse_catalog(text: str, source: str) -> Catalog:
    """Read a catalog; CatalogRejected lists every problem as ``source:line: key: what``."""
    catalog, problems = judged(text, source)
    if catalog is None:
        raise CatalogRejected(source, [str(problem) for problem in problems])
    return catalog


def judged(text: str, source: str) -> tuple[Catalog | None, list[Finding]]:
    """Read a catalog, or return every problem of it."""
    try:
        document = read(text)
    except YamlProblem as problem:
        return None, [Finding(source, problem.line, problem.key, str(problem))]
    # The order of plans is part of the content: it is the order in which they are shown.
    return _checked(document, source, _content(document.value))


def catalog_of(value: Plain, source: str) -> Catalog:
    """Return the catalog that a plain value of the form stands for; CatalogRejected if none."""
    return _accepted(MarkedYaml(value, {}), source, _content(value))


def stored_catalog(content: str) -> Catalog:
    """Read back the content of a version that was in force once."""
    return _accepted(MarkedYaml(json.loads(content), {}), "the stored version", content)


def _content(value: Plain) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _accepted(document: MarkedYaml, source: str, content: str) -> Catalog:
    catalog, problems = _checked(document, source, content)
    if catalog is None:
        raise CatalogRejected(source, [str(problem) for problem in problems])
    return catalog


def _checked(
    document: MarkedYaml, source: str, content: str
) -> tuple[Catalog | None, list[Finding]]:
    try:
        form = CatalogForm.model_validate(document.value)
    except ValidationError as error:
        return None, findings_of(document, source, error)
    problems = [
        Finding(source, document.line(path), dotted(path), what)
        for path, what in _inconsistencies(form)
    ]
    if problems:
        return None, problems
    return form.to_domain(hashlib.sha256(content.encode()).hexdigest(), content), []


def _inconsistencies(form: CatalogForm) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []
    for path, plan in form.named_plans().items():
        if plan and plan not in form.plans:
            found.append(
                (path, f"no plan {plan!r} in this catalog; there are {', '.join(form.plans)}")
            )
    found += [
        (("addons", key), "an add-on cannot have the name of a plan")
        for key in form.addons
        if key in form.plans
    ]
    if not form.free_plan:
        found += [
            (("plans", key, name), "`free` needs the catalog's `free_plan`")
            for key, plan in form.plans.items()
            for name, policy in (("on_unpaid", plan.on_unpaid), ("on_end", plan.on_end))
            if policy == EndPolicy.FREE.value
        ]
    return found + _repeated_prices(form)


def _repeated_prices(form: CatalogForm) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []
    first: dict[tuple[str, str], str] = {}
    for path, price in _prices(form):
        for provider, price_id in price.to_domain().provider_prices.items():
            short = provider == "stripe" and price.stripe_price
            key: Path = (*path, *(("stripe_price",) if short else ("provider_prices", provider)))
            other = first.setdefault((provider, price_id), dotted(key))
            if other != dotted(key):
                found.append((key, f"{price_id} is sold by {other} already"))
    return found


def _prices(form: CatalogForm) -> Iterator[tuple[Path, PriceForm]]:
    for group, items in (("plans", form.plans), ("addons", form.addons)):
        for key, item in items.items():
            for index, price in enumerate(item.prices):
                yield (group, key, "prices", index), price


def problems_of(document: MarkedYaml, source: str, error: ValidationError) -> list[str]:
    """Write what is wrong with the form of a document, a line for each problem."""
    return [str(finding) for finding in findings_of(document, source, error)]


def findings_of(
    document: MarkedYaml, source: str, error: ValidationError, above: Path = ()
) -> list[Finding]:
    """Return what is wrong with the form of the part of a document that stands at ``above``."""
    return [
        _finding(document, source, (*above, *e["loc"]), _sentence(e["msg"]))
        for e in error.errors(include_url=False)
    ]


def _finding(document: MarkedYaml, source: str, path: Path, what: str) -> Finding:
    # A discriminated union puts the chosen kind, and a key of a map "[key]", into the path.
    shown = tuple(
        step
        for before, step in pairwise(("", *path))
        if step != "[key]" and not (before == "provisions" and step in _KINDS)
    )
    return Finding(source, document.line(shown), dotted(shown), what)


_KINDS = frozenset({"nothing", "namespace", "organization", "tenant", "resource"})


def _sentence(text: str) -> str:
    if text == "Extra inputs are not permitted":
        return "is no key that is known here"
    return text.removeprefix("Value error, ")
