"""Products and prices from catalog files."""

from pathlib import Path
from typing import Any

import pytest

from deploy.sandbox.stripe import catalog
from deploy.sandbox.stripe.context import Account, Context, World
from deploy.sandbox.stripe.state import Store

PLAN = "plans: {p: {prices: [{currency: usd, amount: '1', stripe_price: x}]}}"
CATALOGS = Path(__file__).parents[3] / "deploy" / "catalogs"


def seeded(*paths: Path, into: World | None = None) -> Context:
    world = into or World(Store(), Account("acct_1", "sk_test_1"))
    context = world.begin()
    catalog.seed(context, paths)
    context.tx.commit()
    return context


def written(folder: Path, text: str, name: str = "c.yaml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def price(context: Context, price_id: str) -> dict[str, Any]:
    found = context.tx.get("price", price_id)
    assert found is not None
    return found


def test_every_catalog_of_the_product_can_be_sold(tmp_path: Path) -> None:
    context = seeded(CATALOGS)
    assert price(context, "price_starter_xxx")["unit_amount"] == 4900
    products = [item["id"] for item in context.tx.newest("product")]
    assert "prod_collectiveaccess_starter" in products
    assert all(item["product"] in products for item in context.tx.newest("price"))


def test_lookup_keys_tell_interval_and_currency_apart(tmp_path: Path) -> None:
    text = """
catalog: c
plans:
  p:
    prices:
      - {currency: usd, interval: month, amount: "1", stripe_price: m}
      - {currency: eur, interval: month, amount: "1", stripe_price: me}
      - {currency: usd, interval: year, amount: "1", stripe_price: y}
      - {currency: eur, interval: year, amount: "1", stripe_price: ye}
      - {currency: usd, amount: "1", stripe_price: once}
"""
    context = seeded(written(tmp_path, text))
    keys = {item["id"]: item["lookup_key"] for item in context.tx.newest("price")}
    assert keys == {
        "m": "c/p",
        "me": "c/p/eur",
        "y": "c/p/year",
        "ye": "c/p/year/eur",
        "once": "c/p/once",
    }
    assert price(context, "ye")["metadata"] == {"plan": "c/p/year/eur"}
    assert price(context, "once")["recurring"] is None


def test_amounts_written_without_quotes_are_exact_and_merges_work(tmp_path: Path) -> None:
    text = """
catalog: c
plans:
  a: &a {name: A, prices: [{currency: usd, interval: month, amount: 19.90, stripe_price: p1}]}
addons:
  b: {<<: *a, name: B, prices: [{currency: jpy, interval: month, amount: 1e3, stripe_price: p2}]}
  free: {name: Free, prices: [{currency: usd, interval: month, amount: 0}]}
"""
    context = seeded(written(tmp_path, text))
    amounts = {item["id"]: item["unit_amount"] for item in context.tx.newest("price")}
    assert amounts == {"p1": 1990, "p2": 1000}
    addon = context.tx.get("product", "prod_c_b")
    assert addon is not None
    assert (addon["name"], addon["metadata"]) == ("B", {"addon": "c/b"})
    assert context.tx.get("product", "prod_c_free") is not None


def test_seeding_again_takes_the_new_amount_and_keeps_the_rest(tmp_path: Path) -> None:
    text = "catalog: c\nplans: {p: {prices: [{currency: usd, amount: '%s', stripe_price: x}]}}"
    world = World(Store(), Account("acct_1", "sk_test_1"))
    seeded(written(tmp_path, text % "1"), into=world)
    context = seeded(written(tmp_path, text % "2"), into=world)
    assert [item["unit_amount"] for item in context.tx.newest("price")] == [200]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: c", "the key `catalog`"),
        ("catalog: [", "not valid YAML"),
        ("catalog: c\nplans: {p: 1}", "plans.p is not a map"),
        (
            "catalog: c\nplans: {p: {prices: [{currency: usd, amount: '0.005', stripe_price: x}]}}",
            "c/p: price x: amount '0.005'",
        ),
        ("catalog: c\nplans: {p: {prices: [{amount: '1', stripe_price: x}]}}", "no currency"),
        (
            "catalog: c\n" + PLAN.replace("usd,", "usd, interval: moon,"),
            "unknown interval 'moon'",
        ),
    ],
)
def test_a_catalog_that_cannot_be_used_says_where(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(catalog.CatalogError, match=r"c\.yaml") as refused:
        seeded(written(tmp_path, text))
    assert words in str(refused.value)


def test_a_price_is_sold_by_one_plan_only(tmp_path: Path) -> None:
    for name in ("a", "b"):
        written(tmp_path, f"catalog: {name}\n{PLAN}", f"{name}.yaml")
    with pytest.raises(catalog.CatalogError, match=r"b\.yaml: x is already in .*a\.yaml"):
        seeded(tmp_path)


def test_a_path_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(catalog.CatalogError, match="no such file"):
        seeded(tmp_path / "nothing")


def test_catalogs_of_other_forms_are_sold_as_pricing_sells_them(tmp_path: Path) -> None:
    examples = CATALOGS / "examples"
    for name in ("billing-plans.yaml", "quotas.yaml"):
        (tmp_path / name).write_text((examples / name).read_text())
    prices = {"STRIPE_PRICE_DEV_POOL": "price_dev", "STRIPE_PRICE_TURBO_X1": "price_turbo"}
    imports = catalog.import_settings(examples / "imports.yaml", prices)
    context = World(Store(), Account("acct_1", "sk_test_1")).begin()
    catalog.seed(context, [tmp_path], imports)
    pool, turbo = price(context, "price_dev"), price(context, "price_turbo")
    assert (pool["unit_amount"], pool["currency"], pool["product"]) == (
        1900,
        "eur",
        "prod_kube-dc_dev-pool",
    )
    assert turbo["metadata"] == {"addon": "kube-dc/turbo-x1"}
    yearly = price(context, "price_hold_deckhand_year")
    assert (yearly["unit_amount"], yearly["recurring"]["interval"]) == (2000, "year")


def test_a_file_of_another_form_that_says_nothing_is_refused_with_its_line(tmp_path: Path) -> None:
    file = written(tmp_path, "tiers:\n  bosun: {quota: much}\n")
    with pytest.raises(catalog.CatalogError, match=r"c\.yaml:2: tiers\.bosun\.quota"):
        seeded(file)


def test_imports_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(catalog.CatalogError, match=r"none\.yaml"):
        catalog.import_settings(tmp_path / "none.yaml", {})
    with pytest.raises(catalog.CatalogError, match=r"c\.yaml:1: a\.tiers"):
        catalog.import_settings(written(tmp_path, "a: {tiers: 1}"), {})
