"""Catalog files: the documents' own figures, and every error with file, line and key."""

from decimal import Decimal
from pathlib import Path

import pytest

from services.chassis.money import Money
from services.pricing import capacity
from services.pricing.catalog_file import parse_catalog, stored_catalog
from services.pricing.domain import Billing, Catalog, EndPolicy, Interval
from services.pricing.errors import CatalogRejected

CATALOGS = Path(__file__).parents[3] / "deploy" / "catalogs"

SMALL = """\
catalog: small
free_plan: none
plans:
  none: {name: None, provisions: {kind: nothing}, on_unpaid: free, on_end: free}
  one:
    name: One
    prices:
      - {currency: usd, interval: month, amount: "49.00", stripe_price: price_one}
    provisions: {kind: namespace, quota: {pods: 50, memory: 6}}
    on_unpaid: delete
    on_end: delete
"""


def shipped(name: str) -> Catalog:
    path = CATALOGS / f"{name}.yaml"
    return parse_catalog(path.read_text(), str(path))


def test_every_document_has_a_catalog_that_loads() -> None:
    assert {shipped(path.stem).name for path in CATALOGS.glob("*.yaml")} == {
        "collectiveaccess",
        "hold",
        "kube-dc",
        "scaffolder",
        "sessions",
    }


def test_document_003_professional_is_49_dollars_for_5000_credits_and_50_pods() -> None:
    plan = shipped("sessions").plans["professional"]
    assert plan.prices[0].amount == Money("usd", 4900)
    assert plan.prices[0].interval is Interval.MONTH
    assert plan.credits == 5000
    assert isinstance(plan.provisions, capacity.Namespace)
    assert plan.provisions.quota == {
        "pods": "50",
        "requests.memory": "6400M",
        "limits.memory": "6400M",
    }
    assert plan.provisions.autoscale == capacity.Autoscale(5, 50, 70)
    assert plan.provisions.warm_pool == 5


@pytest.mark.parametrize(
    ("plan", "amount", "cpu", "memory", "storage", "pods", "objects", "ips"),
    [
        ("dev-pool", 1900, "4", "8Gi", "60Gi", "100", 20, 1),
        ("pro-pool", 4900, "8", "24Gi", "160Gi", "200", 100, 1),
        ("scale-pool", 9900, "16", "56Gi", "320Gi", "500", 500, 3),
    ],
)
def test_document_001_pools_have_the_values_that_kube_dc_ships(
    plan: str, amount: int, cpu: str, memory: str, storage: str, pods: str, objects: int, ips: int
) -> None:
    found = shipped("kube-dc").plans[plan]
    assert found.prices[0].amount == Money("eur", amount)
    assert isinstance(found.provisions, capacity.Organization)
    quota = found.provisions.quota
    assert [quota[key] for key in ("cpu", "memory", "storage", "pods")] == [
        cpu,
        memory,
        storage,
        pods,
    ]
    assert (found.provisions.object_storage_gb, found.provisions.public_ips) == (objects, ips)
    assert found.on_unpaid is EndPolicy.SUSPEND_THEN_CANCEL


def test_documents_002_and_003_let_a_foreign_checkout_make_the_account_and_the_others_do_not() -> (
    None
):
    makes = {path.stem: shipped(path.stem).foreign_checkout_creates_account for path in ALL}
    assert makes == {
        "collectiveaccess": True,
        "sessions": True,
        "hold": False,
        "kube-dc": False,
        "scaffolder": False,
    }


ALL = sorted(CATALOGS.glob("*.yaml"))


def test_the_version_is_of_the_content_and_not_of_its_layout() -> None:
    plain = parse_catalog(SMALL, "a.yaml")
    assert parse_catalog("# a comment\n" + SMALL, "b.yaml").version == plain.version
    assert parse_catalog(SMALL.replace("49.00", "50.00"), "a.yaml").version != plain.version


def test_a_stored_version_reads_back_as_it_was() -> None:
    catalog = shipped("sessions")
    assert stored_catalog(catalog.content) == catalog


def test_a_bare_number_of_memory_is_gib_and_a_suffix_means_what_it_says() -> None:
    text = SMALL.replace("memory: 6}", "memory: 6.4GB}")
    assert _memory(parse_catalog(SMALL, "a")) == "6Gi"
    assert _memory(parse_catalog(text, "a")) == "6.4G"


def _memory(catalog: Catalog) -> str:
    provisions = catalog.plans["one"].provisions
    assert isinstance(provisions, capacity.Namespace)
    return provisions.quota["memory"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("name: One", "nmae: One", "c.yaml:6: plans.one.nmae: is no key that is known here"),
        ('"49.00"', '"49.001"', "c.yaml:8: plans.one.prices[0]: 49.001 has more decimal places"),
        ('"49.00"', '"-1.00"', "c.yaml:8: plans.one.prices[0]: amount cannot be negative"),
        ("usd", "zzz", "c.yaml:8: plans.one.prices[0]: 'zzz' is no currency"),
        ("pods: 50", "pods: many", "c.yaml:9: plans.one.provisions.quota: 'many' is no quantity"),
        ("kind: namespace", "kind: palace", "c.yaml:9: plans.one.provisions: Input tag 'palace'"),
        ("free_plan: none", "free_plan: gone", "c.yaml:2: free_plan: no plan 'gone'"),
        ("free_plan: none\n", "", "c.yaml:3: plans.none.on_unpaid: `free` needs"),
        (
            "    name: One\n",
            "    name: One\n    name: Two\n",
            "c.yaml:7: plans.one.name: stands twice",
        ),
        ("plans:", "plans: [", "is no YAML"),
    ],
)
def test_an_error_names_file_line_and_key(old: str, new: str, problem: str) -> None:
    with pytest.raises(CatalogRejected) as rejected:
        parse_catalog(SMALL.replace(old, new), "c.yaml")
    assert problem in str(rejected.value)


def test_a_price_that_is_sold_twice_is_refused() -> None:
    twice = SMALL + "    features: []\naddons:\n  more:\n    name: More\n    adds: {pods: 1}\n"
    twice += (
        '    prices: [{currency: usd, interval: month, amount: "1.00", stripe_price: price_one}]\n'
    )
    with pytest.raises(CatalogRejected, match=r"price_one is sold by plans\.one\.prices\[0\]"):
        parse_catalog(twice, "c.yaml")


def test_aliases_that_unfold_without_end_are_refused() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n"
        for before, name in zip("abcdef", "bcdefg", strict=True)
    )
    with pytest.raises(CatalogRejected, match="too many values"):
        parse_catalog(bomb, "c.yaml")


def test_amounts_never_pass_through_a_float() -> None:
    exact = SMALL.replace('"49.00"', "0.29")
    price = parse_catalog(exact, "a.yaml").plans["one"].prices[0]
    assert price.amount.to_decimal() == Decimal("0.29")


def test_prices_have_the_names_of_several_providers_and_each_is_sold_once() -> None:
    names = "provider_prices: {whmcs: One}"
    text = SMALL.replace("stripe_price: price_one}", f"stripe_price: price_one, {names}}}")
    price = parse_catalog(text, "c.yaml").plans["one"].prices[0]
    assert price.provider_prices == {"stripe": "price_one", "whmcs": "One"}
    again = f'      - {{currency: eur, interval: month, amount: "1.00", {names}}}\n'
    last = "    provisions: {kind: namespace"
    with pytest.raises(CatalogRejected) as rejected:
        parse_catalog(text.replace(last, again + last), "c.yaml")
    key = "plans.one.prices[1].provider_prices.whmcs"
    assert f"{key}: One is sold by plans.one.prices[0].provider_prices.whmcs" in str(rejected.value)


def test_a_providers_name_that_is_given_twice_is_refused() -> None:
    text = SMALL.replace("price_one}", "price_one, provider_prices: {stripe: price_two}}")
    with pytest.raises(CatalogRejected, match="say the same: give one"):
        parse_catalog(text, "c.yaml")


def test_a_plan_that_is_called_as_a_kind_is_named_in_its_errors() -> None:
    text = SMALL.replace("  one:", "  tenant:").replace("pods: 50", "pods: many")
    with pytest.raises(CatalogRejected, match=r"c\.yaml:9: plans\.tenant\.provisions\.quota: "):
        parse_catalog(text, "c.yaml")


def test_the_billing_block_of_a_hold_is_kept() -> None:
    block = "billing: {enabled: true, success_url: 'https://h/ok'}\n"
    text = SMALL.replace("plans:", block + "plans:", 1)
    assert parse_catalog(text, "c.yaml").billing == Billing(
        enabled=True, currency="usd", success_url="https://h/ok", cancel_url=""
    )
