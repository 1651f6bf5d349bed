"""From a catalog file's text to a catalog, or to a list of problems with file, line and key."""

import hashlib
import json

from pydantic import ValidationError

from services.pricing.catalog_schema import CatalogForm
from services.pricing.catalog_yaml import MarkedYaml, Path, YamlProblem, dotted, read, said
from services.pricing.domain import Catalog, EndPolicy
from services.pricing.errors import CatalogRejected


def parse_catalog(text: str, source: str) -> Catalog:
    """Read a catalog; CatalogRejected lists every problem as ``source:line: key: what``."""
    try:
        document = read(text)
    except YamlProblem as problem:
        found = said(source, problem.line, problem.key, str(problem))
        raise CatalogRejected(source, [found]) from None
    # The order of plans is part of the content: it is the order in which they are shown.
    content = json.dumps(document.value, ensure_ascii=False, separators=(",", ":"))
    return _checked(document, source, content)


def stored_catalog(content: str) -> Catalog:
    """Read back the content of a version that was in force once."""
    return _checked(MarkedYaml(json.loads(content), {}), "the stored version", content)


def _checked(document: MarkedYaml, source: str, content: str) -> Catalog:
    try:
        form = CatalogForm.model_validate(document.value)
    except ValidationError as error:
        raise CatalogRejected(source, problems_of(document, source, error)) from None
    problems = [
        said(source, document.line(path), dotted(path), what)
        for path, what in _inconsistencies(form)
    ]
    if problems:
        raise CatalogRejected(source, problems)
    return form.to_domain(hashlib.sha256(content.encode()).hexdigest(), content)


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
    first: dict[str, str] = {}
    for group, items in (("plans", form.plans), ("addons", form.addons)):
        for key, item in items.items():
            for index, price in enumerate(item.prices):
                path: Path = (group, key, "prices", index, "stripe_price")
                if not price.stripe_price:
                    continue
                other = first.setdefault(price.stripe_price, dotted(path))
                if other != dotted(path):
                    found.append((path, f"{price.stripe_price} is sold by {other} already"))
    return found


def problems_of(document: MarkedYaml, source: str, error: ValidationError) -> list[str]:
    """Write what is wrong with the form of a document, a line for each problem."""
    return [_problem(document, source, problem) for problem in _errors(error)]


def _errors(error: ValidationError) -> list[tuple[Path, str]]:
    return [(tuple(e["loc"]), _sentence(e["msg"])) for e in error.errors(include_url=False)]


def _problem(document: MarkedYaml, source: str, error: tuple[Path, str]) -> str:
    path, what = error
    # A discriminated union puts the chosen kind, and a key of a map "[key]", into the path.
    shown = tuple(step for step in path if step not in _UNION_STEPS and step != "[key]")
    return said(source, document.line(shown), dotted(shown), what)


_UNION_STEPS = frozenset({"nothing", "namespace", "organization", "tenant", "resource"})


def _sentence(text: str) -> str:
    if text == "Extra inputs are not permitted":
        return "is no key that is known here"
    return text.removeprefix("Value error, ")
