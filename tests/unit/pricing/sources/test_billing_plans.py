"""Kube-DC's ConfigMap: its shipped values, its lines, and one bad plan among good ones."""

import json
from dataclasses import replace

import pytest

from services.pricing.capacity import Organization
from services.pricing.catalog_file import stored_catalog
from services.pricing.domain import Catalog, EndPolicy
from services.pricing.errors import CatalogRejected
from services.pricing.sources import (
    ImportOptions,
    Reading,
    SourceForm,
    differences,
    exported,
    imported,
    opened,
)
from tests.unit.pricing.sources.samples import ENVIRONMENT, MANIFEST, POOLS, shipped

PLANS = """\
plans:
  small:
    displayName: Small
    price: 5
    currency: EUR
    requests: {cpu: 1, memory: 2}
  large:
    displayName: Large
    price: 50.50
    currency: EUR
    requests: {cpu: "10", memory: 20Gi, storage: 100Gi}
    pods: 10
suspendedPlan: {cpu: 100m, memory: 128Mi, pods: 5, servicesLB: 0}
addons:
  more: {displayName: More, price: 1, currency: EUR, cpu: 1}
"""
BARE = ImportOptions(tiers={"small": "basic", "large": "premium"})


def read(text: str, options: ImportOptions = BARE) -> Reading:
    return opened(text, "plans.yaml", options)


def stands(text: str, options: ImportOptions = BARE) -> Catalog:
    catalog = read(text, options).catalog
    assert catalog is not None
    return catalog


def pool(catalog: Catalog, plan: str) -> Organization:
    provisions = catalog.plans[plan].provisions
    assert isinstance(provisions, Organization)
    return provisions


def said(reading: Reading) -> list[str]:
    return [str(problem) for problem in reading.problems]


def noted(reading: Reading) -> list[str]:
    return [str(note) for note in reading.notes]


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_what_kube_dc_ships_is_our_own_catalog_of_it() -> None:
    found = imported(MANIFEST, "billing-plans.yaml", POOLS)
    assert found.form is SourceForm.BILLING_PLANS
    assert (found.problems, found.notes) == ((), ())
    assert differences(shipped("kube-dc"), found.catalog) == []


def test_what_was_imported_reads_back_from_the_store_as_it_was() -> None:
    catalog = stands(MANIFEST, POOLS)
    assert stored_catalog(catalog.content) == catalog


def test_the_plans_alone_are_the_same_as_within_their_config_map() -> None:
    inner = MANIFEST.partition("plans.yaml: |\n")[2]
    plans = "\n".join(line.removeprefix("    ") for line in inner.splitlines())
    assert stands(plans, POOLS) == stands(MANIFEST, POOLS)


def test_import_export_and_import_again_make_the_same_catalog() -> None:
    first = stands(MANIFEST, POOLS)
    for manifest in (True, False):
        written = exported(first, SourceForm.BILLING_PLANS, manifest=manifest)
        # The price ids were written down, so the environment is not needed again.
        assert stands(written.text, replace(POOLS, price_ids={})) == first


def test_an_export_says_each_thing_that_the_form_cannot_carry() -> None:
    notes = {n.key for n in exported(shipped("kube-dc"), SourceForm.BILLING_PLANS).notes}
    assert notes == {
        "plans.dev-pool.tier",
        "plans.pro-pool.tier",
        "plans.pro-pool.features",
        "plans.scale-pool.tier",
        "plans.scale-pool.features",
        "description",
    }


def test_prices_are_written_as_numbers() -> None:
    text = exported(stands(PLANS), SourceForm.BILLING_PLANS).text
    assert "price: 5\n" in text
    assert "price: 50.50\n" in text
    assert "burstRatio: 1.0\n" in text


def test_one_broken_plan_leaves_the_others_in_force_and_is_told_with_its_line_in_the_manifest() -> (
    None
):
    broken = MANIFEST.replace('requests: {cpu: "8"', "requests: {cpu: lots")
    reading = read(broken, POOLS)
    assert reading.catalog is not None
    assert list(reading.catalog.plans) == ["dev-pool", "scale-pool"]
    assert list(reading.catalog.addons) == ["turbo-x1", "turbo-x2"]
    line = line_of(broken, "cpu: lots")
    assert said(reading) == [
        (
            f"plans.yaml:{line}: plans.pro-pool.requests.cpu: 'lots' is no quantity; "
            "expected one such as 2, 500m, 4Gi or 20G"
        )
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("price: 50.50", "price: free", "plans.yaml:9: plans.large.price: expected an amount"),
        ("price: 50.50", "price: -1", "plans.yaml:9: plans.large.price: expected an amount"),
        ("price: 50.50", "price: 50.505", "plans.yaml:9: plans.large.price: 50.505 has more"),
        ("pods: 10", "pods: -1", "plans.yaml:12: plans.large.pods: expected a whole number"),
        ("pods: 10", "burstRatio: 0", "plans.yaml:12: plans.large.burstRatio: expected a ratio"),
        ("pods: 10", "pods: 10\n    pods: 11", "plans.yaml:13: plans.large.pods: stands twice"),
        ("pods: 10", "pods: 0x10", "plans.yaml:12: plans.large.pods: write whole numbers in"),
        ("  large:", "  Large One:", "plans.yaml:7: plans.Large One: expected lower-case"),
        (
            "storage: 100Gi}\n",
            "storage: 100Gi}\n    currency: ZZZ\n",
            "plans.yaml:12: plans.large.currency: stands twice",
        ),
        (
            'requests: {cpu: "10", memory: 20Gi, storage: 100Gi}',
            'requests: {cpu: "10"}',
            "plans.yaml:11: plans.large.requests.memory: Field required",
        ),
        (
            "suspendedPlan:",
            "eipQuota: {large: many}\nsuspendedPlan:",
            "plans.yaml:13: eipQuota.large: expected a whole number",
        ),
        (
            "    pods: 10\n",
            "    providers: {stripe: {priceId: 7}}\n",
            "plans.yaml:12: plans.large.providers.stripe.priceId: Input should be a valid string",
        ),
    ],
)
def test_a_bad_plan_is_left_out_with_file_line_and_key(old: str, new: str, problem: str) -> None:
    assert old in PLANS
    reading = read(PLANS.replace(old, new, 1))
    assert reading.catalog is not None
    assert list(reading.catalog.plans) == ["small"]
    (found,) = said(reading)
    assert found.startswith(problem)


def test_a_bad_add_on_is_left_out_and_the_plans_stay() -> None:
    reading = read(PLANS.replace("currency: EUR, cpu: 1", "currency: EUR, cpu: one"))
    assert reading.catalog is not None
    assert (len(reading.catalog.plans), len(reading.catalog.addons)) == (2, 0)
    assert said(reading)[0].startswith("plans.yaml:15: addons.more.cpu: 'one' is no quantity")


def test_an_add_on_cannot_have_the_name_of_a_plan() -> None:
    reading = read(PLANS.replace("  more:", "  small:"))
    assert reading.catalog is not None
    assert reading.catalog.addons == {}
    assert said(reading) == [
        "plans.yaml:15: addons.small: an add-on cannot have the name of a plan"
    ]


def test_a_price_that_is_sold_twice_is_left_to_the_first() -> None:
    ids = {"STRIPE_PRICE_SMALL": "price_one", "STRIPE_PRICE_LARGE": "price_one"}
    reading = read(PLANS, replace(BARE, price_ids=ids))
    assert reading.catalog is not None
    assert list(reading.catalog.plans) == ["small"]
    assert said(reading) == ["plans.yaml:7: plans.large: price_one is sold by plans.small already"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("plans: [", "plans.yaml:1: is no YAML: "),
        ("plans: {}\n", "plans.yaml:1: plans: Dictionary should have at least 1 item"),
        ("plans:\n  a: {price: x}\n", "plans.yaml:1: plans: no plan stands"),
        (PLANS.replace("cpu: 100m", "cpu: lots"), "plans.yaml:13: suspendedPlan.cpu: 'lots' is no"),
        (PLANS + "systemOverhead: {cpuPerProject: a}\n", "systemOverhead.cpuPerProject: expected"),
        (PLANS + "limitRange: {maxCPU: a}\n", "plans.yaml:16: limitRange.maxCPU: 'a' is no"),
        ("kind: ConfigMap\ndata: {}\n", "plans.yaml:2: data.plans.yaml: is missing"),
    ],
)
def test_what_no_plan_can_stand_without_refuses_the_whole(text: str, problem: str) -> None:
    with pytest.raises(CatalogRejected) as rejected:
        imported(text, "plans.yaml", BARE)
    assert problem in str(rejected.value)


def test_yaml_that_is_broken_within_the_manifest_is_told_with_its_line_there() -> None:
    broken = MANIFEST.replace("      pro-pool:\n", "      pro-pool: [\n", 1)
    (problem,) = said(read(broken))
    line = int(problem.split(":")[1])
    assert line > line_of(broken, "pro-pool: [")
    assert "is no YAML" in problem


def test_a_config_map_as_json_counts_the_lines_of_the_text_within() -> None:
    document = {"kind": "ConfigMap", "data": {"plans.yaml": PLANS.replace("pods: 10", "pods: x")}}
    (problem,) = said(read(json.dumps(document)))
    assert problem.startswith("plans.yaml#plans.yaml:12: plans.large.pods: ")


def test_a_price_id_in_the_config_map_wins_over_the_environment() -> None:
    text = PLANS.replace("pods: 10", "providers: {stripe: {priceId: price_theirs}}")
    ids = {"STRIPE_PRICE_SMALL": "price_small", "STRIPE_PRICE_LARGE": "price_large"}
    catalog = stands(text, replace(BARE, price_ids=ids))
    assert catalog.plans["small"].prices[0].provider_prices == {"stripe": "price_small"}
    assert catalog.plans["large"].prices[0].provider_prices == {"stripe": "price_theirs"}


def test_the_five_variables_of_document_001_name_the_prices_of_its_plans_and_add_ons() -> None:
    catalog = stands(MANIFEST, POOLS)
    sold = {p.price_id: p.subject.id for p in catalog.provider_prices()}
    assert sold == {
        value: name.removeprefix("STRIPE_PRICE_").lower().replace("_", "-")
        for name, value in ENVIRONMENT.items()
    }


def test_the_option_name_of_whmcs_is_kept_and_written_again() -> None:
    option = "providers: {whmcs: {configurableOptionName: Extra cores}}"
    catalog = stands(PLANS.replace("cpu: 1}\n", f"cpu: 1, {option}}}\n"))
    assert catalog.addons["more"].prices[0].provider_prices == {"whmcs": "Extra cores"}
    assert stands(exported(catalog, SourceForm.BILLING_PLANS).text) == catalog


def test_the_plans_own_limit_range_goes_before_the_common_one() -> None:
    text = PLANS.replace("    pods: 10\n", "    limitRange: {maxCPU: 3}\n")
    catalog = stands(text + "limitRange: {maxCPU: 2, minPVCStorage: 1}\n")
    assert pool(catalog, "large").container.max == {"cpu": "3"}
    small = pool(catalog, "small").container
    assert (small.max, small.min_volume_claim) == ({"cpu": "2"}, {"storage": "1Gi"})


def test_overhead_and_suspended_plan_are_those_of_the_file() -> None:
    text = PLANS + "systemOverhead: {cpuPerProject: 100, memPerProject: 128}\n"
    large = pool(stands(text), "large")
    assert large.overhead_per_project == {"cpu": "100m", "memory": "128Mi"}
    assert large.suspended_quota == {
        "cpu": "100m",
        "memory": "128Mi",
        "storage": "0",
        "pods": "5",
        "services.loadbalancers": "0",
    }


def test_without_a_suspended_plan_the_shipped_one_counts_and_is_told() -> None:
    reading = read("".join(line for line in PLANS.splitlines(True) if "suspended" not in line))
    assert reading.catalog is not None
    assert pool(reading.catalog, "small").suspended_quota["cpu"] == "500m"
    assert noted(reading) == ["plans.yaml:1: suspendedPlan is missing: the shipped one counts"]


def test_what_has_a_gpu_is_kept_and_not_offered() -> None:
    text = PLANS.replace("    pods: 10\n", "    gpu: {t4: {shares: 1, memoryMiB: 512}}\n")
    reading = read(text)
    assert reading.catalog is not None
    assert not reading.catalog.plans["large"].self_service
    assert noted(reading)[0].startswith("plans.yaml:12: plans.large.gpu: is not provisioned here")


def test_keys_of_others_are_passed_over_and_told() -> None:
    text = PLANS.replace("    pods: 10\n", "    colour: red\n") + "promoCodes: {A: 1}\n"
    reading = read(text)
    assert reading.problems == ()
    assert noted(reading) == [
        "plans.yaml:16: promoCodes: is not known here and not kept",
        "plans.yaml:12: plans.large.colour: is not known here and not kept",
    ]


def test_a_plan_without_a_tier_and_a_tier_without_a_plan_are_told() -> None:
    notes = noted(read(PLANS, ImportOptions(tiers={"small": "basic", "huge": "premium"})))
    assert (
        "plans.yaml:7: plans.large: has no tier: nobody who asks for one is let in by this plan"
        in notes
    )
    assert "plans.yaml:1: the options speak of huge, which is no plan that stands" in notes


def test_shown_addresses_that_are_not_the_quota_are_told() -> None:
    text = PLANS.replace("    pods: 10\n", "    ipv4: 2\n") + "eipQuota: {large: 1, gone: 1}\n"
    reading = read(text)
    assert reading.catalog is not None
    assert pool(reading.catalog, "large").public_ips == 1
    assert noted(reading) == [
        "plans.yaml:12: plans.large.ipv4: is only shown and not kept; eipQuota says 1",
        "plans.yaml:16: eipQuota.gone: names no plan",
    ]


def test_endings_are_those_of_document_001_unless_they_are_given() -> None:
    plan = stands(PLANS).plans["small"]
    assert (plan.on_unpaid, plan.on_end) == (EndPolicy.SUSPEND_THEN_CANCEL,) * 2
    deleting = stands(PLANS, replace(BARE, on_end=EndPolicy.DELETE)).plans["small"]
    assert deleting.on_end is EndPolicy.DELETE


def test_an_ending_that_needs_a_free_plan_is_refused() -> None:
    (problem,) = {
        text.partition(": in our own form")[0]
        for text in said(read(PLANS, replace(BARE, on_end=EndPolicy.FREE)))
    }
    assert problem == "plans.yaml:1"


def test_a_plan_for_nothing_has_no_price() -> None:
    catalog = stands(PLANS.replace("price: 5\n", "price: 0\n"))
    assert catalog.plans["small"].prices == ()
    assert stands(exported(catalog, SourceForm.BILLING_PLANS).text) == catalog


def test_plans_of_another_kind_are_left_out_of_the_form_and_told() -> None:
    with pytest.raises(ValueError, match="no plan of the kind `organization`"):
        exported(shipped("sessions"), SourceForm.BILLING_PLANS)
