"""Reads a catalog in whatever form it is: ours, Kube-DC's, hold's."""

import re

from services.pricing.catalog_file import judged
from services.pricing.catalog_yaml import Finding, MarkedYaml, Plain, YamlProblem, read
from services.pricing.errors import CatalogRejected
from services.pricing.sources import billing_plans, quotas
from services.pricing.sources.manifest import is_manifest, unwrapped
from services.pricing.sources.options import ImportOptions, SourceForm
from services.pricing.sources.own_yaml import canonical
from services.pricing.sources.reading import Collector, Imported, Reading, Refused, accepted

_READERS = {
    SourceForm.BILLING_PLANS: billing_plans.read_billing_plans,
    SourceForm.QUOTAS: quotas.read_quotas,
}
_NAMES = {SourceForm.BILLING_PLANS: billing_plans.CATALOG, SourceForm.QUOTAS: quotas.CATALOG}
_SIGNS = (
    (SourceForm.OWN, re.compile(r"^catalog: *(?P<name>[a-z0-9-]+) *$", re.MULTILINE)),
    (SourceForm.QUOTAS, re.compile(r"^tiers:", re.MULTILINE)),
    (SourceForm.BILLING_PLANS, re.compile(r"^(plans:|kind: *ConfigMap)", re.MULTILINE)),
)


def imported(
    text: str, source: str, options: ImportOptions, form: SourceForm | None = None
) -> Imported:
    """Return what stands of a catalog in any form; CatalogRejected if nothing does.

    ``source`` is what problems name as their file. Where no form is named it is guessed. A bad
    plan or add-on of a foreign form is a problem of its own; our own form is taken whole or not.
    """
    return accepted(opened(text, source, options, form), source)


def opened(
    text: str, source: str, options: ImportOptions, form: SourceForm | None = None
) -> Reading:
    """Read a catalog in any form and say everything about it; nothing is raised."""
    try:
        document = read(text, lenient=True)
    except YamlProblem as problem:
        looks, name = _looks_like(text)
        return _no_yaml(form or looks, options.catalog or name, source, problem)
    form = form or guessed(document.value)
    if form is SourceForm.OWN:
        catalog, problems = judged(text, source)
        return Reading(form, _own_name(document.value), catalog, tuple(problems))
    if is_manifest(document.value):
        try:
            document, source = unwrapped(document, source)
        except YamlProblem as problem:
            return _no_yaml(form, options.catalog, source, problem)
    return _foreign(form, document, source, options)


def guessed(value: Plain) -> SourceForm:
    """Return the form that a document has by its keys; ours if it is none of the others."""
    if not isinstance(value, dict) or "catalog" in value:
        return SourceForm.OWN
    if "tiers" in value:
        return SourceForm.QUOTAS
    if is_manifest(value) or ("plans" in value and not _provides(value["plans"])):
        return SourceForm.BILLING_PLANS
    return SourceForm.OWN


def _provides(plans: Plain) -> bool:
    """Tell whether a plan says what it provisions, as only ours do."""
    items = plans.values() if isinstance(plans, dict) else ()
    return any(isinstance(plan, dict) and "provisions" in plan for plan in items)


def _foreign(
    form: SourceForm, document: MarkedYaml, source: str, options: ImportOptions
) -> Reading:
    collector = Collector(document, source)
    catalog = None
    try:
        catalog = canonical(_READERS[form](document, collector, options))
    except Refused:
        pass
    except CatalogRejected as rejected:
        for problem in rejected.problems:
            collector.problem((), problem)
    if catalog is not None:
        _say_of_options(options, set(catalog.plans), collector)
    name = options.catalog or _NAMES[form]
    return Reading(form, name, catalog, tuple(collector.problems), tuple(collector.notes))


def _say_of_options(options: ImportOptions, plans: set[str], collector: Collector) -> None:
    for key in sorted({*options.tiers, *options.features} - plans):
        collector.note((), f"the options speak of {key}, which is no plan that stands")


def _no_yaml(form: SourceForm, name: str, source: str, problem: YamlProblem) -> Reading:
    finding = Finding(source, problem.line, problem.key, str(problem))
    return Reading(form, name or _NAMES.get(form, ""), None, (finding,))


def _looks_like(text: str) -> tuple[SourceForm, str]:
    """Return the form and the name of a catalog that is no YAML, as far as its text shows them."""
    for form, sign in _SIGNS:
        found = sign.search(text)
        if found:
            return form, found.groupdict().get("name", "")
    return SourceForm.OWN, ""


def _own_name(value: Plain) -> str:
    name = value.get("catalog") if isinstance(value, dict) else None
    return name if isinstance(name, str) else ""
