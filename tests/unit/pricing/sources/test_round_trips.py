"""What is written reads back as it was, in every form, for any catalog."""

from dataclasses import replace

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from services.pricing.catalog_file import parse_catalog
from services.pricing.domain import Catalog, Interval
from services.pricing.sources import ImportOptions, SourceForm, differences, exported, opened
from services.pricing.sources.own_yaml import canonical
from tests.unit.pricing.sources.catalogs import Tree, billing_plans, catalogs, quotas

_FEW = settings(max_examples=60, deadline=None)
_HOLD = "https://hold.example"


def _read(text: str, options: ImportOptions) -> Catalog:
    reading = opened(text, "file.yaml", options)
    assert reading.catalog is not None, reading.problems
    assert reading.problems == ()
    return reading.catalog


@_FEW
@given(catalogs())
def test_a_catalog_reads_back_from_our_own_form_as_it_was(catalog: Catalog) -> None:
    back = parse_catalog(exported(catalog, SourceForm.OWN).text, "own.yaml")
    assert replace(back, version="") == catalog
    assert list(back.plans) == list(catalog.plans)
    assert differences(catalog, back) == []


@_FEW
@given(catalogs())
def test_our_own_form_is_canonical(catalog: Catalog) -> None:
    text = exported(catalog, SourceForm.OWN).text
    back = parse_catalog(text, "own.yaml")
    assert exported(back, SourceForm.OWN).text == text
    assert back.version == canonical(catalog).version


@_FEW
@given(billing_plans(), st.booleans())
def test_billing_plans_read_back_from_their_own_form_as_they_were(
    document: Tree, manifest: bool
) -> None:
    ids = [*_keys(document["plans"]), *_keys(document["addons"])]
    variables = {f"STRIPE_PRICE_{key.upper().replace('-', '_')}": f"price_{key}" for key in ids[:2]}
    options = ImportOptions(tiers={ids[0]: "basic"}, price_ids=variables)
    first = _read(yaml.safe_dump(document, sort_keys=False), options)
    written = exported(first, SourceForm.BILLING_PLANS, manifest=manifest)
    assert _read(written.text, replace(options, price_ids={})) == first


@_FEW
@given(quotas())
def test_quotas_read_back_from_their_own_form_as_they_were(document: Tree) -> None:
    every = [Interval.MONTH, Interval.YEAR]
    amounts = {
        f"{key}/{interval.value}": "5.00" for key in _keys(document["tiers"]) for interval in every
    }
    options = ImportOptions(amounts=amounts, hold_url=_HOLD)
    first = _read(yaml.safe_dump(document, sort_keys=False), options)
    written = exported(first, SourceForm.QUOTAS, hold_url=_HOLD)
    assert _read(written.text, options) == first


@_FEW
@given(billing_plans())
def test_what_was_imported_goes_through_our_own_form(document: Tree) -> None:
    first = _read(yaml.safe_dump(document, sort_keys=False), ImportOptions())
    assert parse_catalog(exported(first, SourceForm.OWN).text, "own.yaml") == first


def _keys(items: object) -> list[str]:
    assert isinstance(items, dict)
    return list(items)
