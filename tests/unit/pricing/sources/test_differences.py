"""Two catalogs are compared by meaning."""

from dataclasses import replace

import pytest

from services.pricing.catalog_file import parse_catalog
from services.pricing.sources import differences

BASE = """\
catalog: pools
plans:
  small:
    name: Small
    prices: [{currency: eur, interval: month, amount: "5.00", stripe_price: price_small}]
    features: [a, b]
    provisions:
      kind: organization
      quota: {cpu: 1, memory: 6400M}
      burst_ratio: "1.0"
      container: {max: {cpu: 500m}}
    on_unpaid: delete
    on_end: delete
  entry:
    name: Entry
    provisions: {kind: nothing, limits: {storage: 2GB}}
    on_unpaid: delete
    on_end: delete
  app:
    name: App
    recommended: yes
    provisions: {kind: tenant, chart: c, values: {size: "1.0"}}
    on_unpaid: delete
    on_end: delete
addons:
  more: {name: More, adds: {cpu: 1000m}}
"""


def changes(*edits: tuple[str, str]) -> list[str]:
    text = BASE
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    found = differences(parse_catalog(BASE, "old"), parse_catalog(text, "new"))
    return [str(difference) for difference in found]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("6400M", "6.4G"),
        ("cpu: 1,", "cpu: 1000m,"),
        ("cpu: 1000m", "cpu: 1"),
        ('burst_ratio: "1.0"', 'burst_ratio: "1"'),
        ('"5.00"', '"5"'),
        ("storage: 2GB", "storage: 2000M"),
        ("features: [a, b]", "features: [b, a]"),
        ("catalog: pools\n", "# a comment\ncatalog: pools\nretention: 30d\n"),
    ],
)
def test_another_spelling_of_the_same_is_no_difference(old: str, new: str) -> None:
    assert changes((old, new)) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("6400M", "6400Mi", "plans.small.provisions.quota.memory: 6400M -> 6400Mi"),
        (", memory: 6400M", "", "plans.small.provisions.quota.memory: 6400M -> nothing"),
        ("500m", "1", "plans.small.provisions.container.max.cpu: 500m -> 1"),
        ('"5.00"', '"5.50"', "plans.small.prices.month.eur: 5.00 EUR -> 5.50 EUR"),
        ("price_small", "price_x", "plans.small.prices.month.eur.stripe: price_small -> price_x"),
        ("a, b]", "a]", "plans.small.features: [a, b] -> [a]"),
        ("storage: 2GB", "storage: 3GB", "plans.entry.provisions.limits.storage: 2GB -> 3GB"),
        # A chart's value is a text: what it means is not known here.
        ('size: "1.0"', 'size: "1"', "plans.app.provisions.values.size: 1.0 -> 1"),
        ("name: Small", "name: Tiny", "plans.small.name: Small -> Tiny"),
        (
            "on_end: delete",
            "on_end: suspend_then_cancel",
            "plans.small.on_end: delete -> suspend_then_cancel",
        ),
        (
            "adds: {cpu: 1000m}",
            "adds: {cpu: 1000m}, disabled: true",
            "addons.more.disabled: no -> yes",
        ),
        ("catalog: pools", "catalog: pools\nretention: 1d", "retention: 2592000s -> 86400s"),
        ("  small:", "  tiny:", None),
    ],
)
def test_what_differs_is_said_by_its_key(old: str, new: str, said: str | None) -> None:
    expected = ["plans.small: removed", "plans.tiny: added"] if said is None else [said]
    assert changes((old, new)) == expected


def test_another_interval_is_another_price() -> None:
    assert changes(("interval: month", "interval: year")) == [
        "plans.small.prices.month.eur: 5.00 EUR -> nothing",
        "plans.small.prices.month.eur.stripe: price_small -> nothing",
        "plans.small.prices.year.eur: nothing -> 5.00 EUR",
        "plans.small.prices.year.eur.stripe: nothing -> price_small",
    ]


def test_a_plan_of_another_kind_differs_in_its_kind_and_all_below_it() -> None:
    found = changes(("{kind: nothing, limits: {storage: 2GB}}", "{kind: tenant, chart: x}"))
    assert found[0] == "plans.entry.provisions.kind: nothing -> tenant"
    assert "plans.entry.provisions.limits.storage: 2GB -> nothing" in found


def test_the_order_of_plans_is_part_of_what_is_shown() -> None:
    catalog = parse_catalog(BASE, "old")
    turned = replace(catalog, plans={key: catalog.plans[key] for key in [*catalog.plans][::-1]})
    assert [str(d) for d in differences(catalog, turned)] == [
        "plans: small, entry, app -> app, entry, small"
    ]
