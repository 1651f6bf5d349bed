"""Hold's quotas.yaml: document 004's tiers, amounts that are told, and what cannot be said."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.pricing.capacity import Nothing
from services.pricing.convert import to_proto_catalog
from services.pricing.domain import ActiveCatalog, Billing, Catalog, EndPolicy
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
from tests.unit.pricing.sources.samples import QUOTAS, TIERS, settings, shipped
from tollgate.pricing.v1.pricing_pb2 import HoldBilling

HOLD_URL = "https://hold.example"


def read(text: str = QUOTAS, options: ImportOptions = TIERS) -> Reading:
    return opened(text, "quotas.yaml", options)


def stands(text: str = QUOTAS, options: ImportOptions = TIERS) -> Catalog:
    catalog = read(text, options).catalog
    assert catalog is not None
    return catalog


def said(reading: Reading) -> list[str]:
    return [str(problem) for problem in reading.problems]


def test_document_004_is_our_own_catalog_of_it_with_the_billing_block_besides() -> None:
    found = imported(QUOTAS, "quotas.yaml", settings(hold_url=HOLD_URL).options("quotas.yaml"))
    assert found.form is SourceForm.QUOTAS
    assert (found.problems, found.notes) == ((), ())
    assert differences(shipped("hold"), replace(found.catalog, billing=None)) == []
    assert found.catalog.billing == Billing(
        enabled=True,
        currency="usd",
        success_url=f"{HOLD_URL}/billing/success",
        cancel_url=f"{HOLD_URL}/billing/cancel",
    )


def test_import_export_and_import_again_make_the_same_catalog() -> None:
    options = settings(hold_url=HOLD_URL + "/").options("quotas.yaml")
    first = stands(QUOTAS, options)
    written = exported(first, SourceForm.QUOTAS, hold_url=HOLD_URL)
    assert "{hold_url}/billing/success" in written.text
    assert stands(written.text, options) == first


def test_without_the_holds_address_the_template_stays_and_is_told() -> None:
    reading = read()
    assert [str(note) for note in reading.notes] == [
        f"quotas.yaml:{line}: billing.{key}: keeps {{hold_url}}: HOLD_PUBLIC_URL is not given"
        for line, key in ((26, "success_url"), (27, "cancel_url"))
    ]


def test_a_price_whose_amount_is_not_known_is_a_problem_and_its_tier_is_not_given_away() -> None:
    reading = read(QUOTAS, replace(TIERS, amounts={"bosun/year": "50.00"}))
    assert said(reading) == [
        (
            "quotas.yaml:11: tiers.deckhand.stripe_price_yearly: no amount is known for "
            "price_hold_deckhand_year, so it is left out; say it: --amounts deckhand/year=5.00"
        ),
        (
            "quotas.yaml:16: tiers.bosun.stripe_price_monthly: no amount is known for "
            "price_hold_bosun, so it is left out; say it: --amounts bosun/month=5.00"
        ),
    ]
    assert reading.catalog is not None
    assert not reading.catalog.plans["deckhand"].self_service
    assert reading.catalog.plans["bosun"].self_service
    assert reading.catalog.free_plan == "swabbie"


def test_an_amount_may_be_given_by_the_price_id() -> None:
    amounts = {"price_hold_deckhand_year": "20", "bosun/month": "5.00", "bosun/year": "50.00"}
    assert stands(QUOTAS, replace(TIERS, amounts=amounts)) == stands()


def test_an_amount_that_is_none_of_its_currency_is_told() -> None:
    wrong = replace(TIERS, amounts={**TIERS.amounts, "deckhand/year": "20.001"})
    (problem,) = said(read(QUOTAS, wrong))
    assert problem.endswith("the amount that is given: 20.001 has more decimal places than usd has")


def test_a_hold_without_billing_offers_nothing_that_is_paid() -> None:
    catalog = stands(QUOTAS.replace("enabled: true", "enabled: false"))
    offered = {key: plan.self_service for key, plan in catalog.plans.items()}
    assert offered == {"swabbie": True, "deckhand": False, "bosun": False}
    assert len(catalog.plans["bosun"].prices) == 2


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("quota: 10GB", "quota: lots", "14: tiers.bosun.quota: 'lots' is no quantity"),
        ("quota: 10GB", "qouta: 10GB", "13: tiers.bosun.quota: Field required"),
        ("quota: 10GB", "quota: 10GB\n    quota: 5GB", "15: tiers.bosun.quota: stands twice"),
        ("  bosun:\n", "  Bo sun:\n", "13: tiers.Bo sun: expected lower-case"),
        (
            "stripe_price_yearly: price_hold_bosun_year",
            "stripe_price_yearly: [a]",
            "17: tiers.bosun.stripe_price_yearly: Input should be a valid string",
        ),
        (
            "stripe_price_yearly: price_hold_bosun_year",
            "stripe_price_yearly: price_hold_deckhand_year",
            "13: tiers.bosun: price_hold_deckhand_year is sold by tiers.deckhand already",
        ),
    ],
)
def test_a_bad_tier_is_left_out_with_file_line_and_key_and_the_others_stay(
    old: str, new: str, problem: str
) -> None:
    assert old in QUOTAS
    reading = read(QUOTAS.replace(old, new, 1))
    assert reading.catalog is not None
    assert list(reading.catalog.plans) == ["swabbie", "deckhand"]
    (found,) = said(reading)
    assert found.startswith(f"quotas.yaml:{problem}")


def test_a_bad_tier_that_members_have_for_nothing_refuses_the_whole() -> None:
    with pytest.raises(CatalogRejected) as rejected:
        imported(QUOTAS.replace("quota: 5GB", "quota: lots"), "quotas.yaml", TIERS)
    first, second = rejected.value.problems
    assert first.startswith("quotas.yaml:9: tiers.deckhand.quota: 'lots' is no quantity")
    assert second.startswith("quotas.yaml:21: defaults.plankowner_crew_tier: no tier 'deckhand'")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tiers: {}\n", "quotas.yaml:1: tiers: Dictionary should have at least 1 item"),
        ("tiers:\n  a: {}\n", "quotas.yaml:1: tiers: no tier stands"),
        (
            QUOTAS.replace("currency: usd", "currency: zzz"),
            "billing.currency: 'zzz' is no currency",
        ),
        ("tiers:\n  a: {quota: 1GB, stripe_price_monthly: p}\n", "no tier is free"),
    ],
)
def test_what_no_tier_can_stand_without_refuses_the_whole(text: str, problem: str) -> None:
    with pytest.raises(CatalogRejected) as rejected:
        imported(text, "quotas.yaml", TIERS)
    assert problem in str(rejected.value)


def test_a_hold_without_a_free_tier_stands_where_its_plans_end_otherwise() -> None:
    text = "tiers:\n  a: {quota: 1GB, stripe_price_monthly: p}\nbilling: {enabled: true}\n"
    ends = ImportOptions(amounts={"p": "1"}, on_unpaid=EndPolicy.DELETE, on_end=EndPolicy.DELETE)
    assert stands(text, ends).free_plan == ""


def test_the_default_of_new_members_is_the_free_tier_only_if_it_is_free() -> None:
    text = QUOTAS.replace("new_crew_tier: swabbie", "new_crew_tier: bosun")
    catalog = stands(text)
    assert (catalog.free_plan, catalog.new_member_plan) == ("swabbie", "bosun")


def test_a_bare_number_of_storage_is_gib() -> None:
    provisions = stands(QUOTAS.replace("quota: 2GB", "quota: 2")).plans["swabbie"].provisions
    assert isinstance(provisions, Nothing)
    assert provisions.limits == {"storage": "2Gi"}


def test_a_plan_that_would_be_free_in_the_form_is_left_out_of_it() -> None:
    catalog = stands()
    bosun = catalog.plans["bosun"]
    nameless = tuple(replace(price, provider_prices={}) for price in bosun.prices)
    plans = {**catalog.plans, "bosun": replace(bosun, prices=nameless)}
    written = exported(replace(catalog, plans=plans), SourceForm.QUOTAS)
    assert "bosun" not in written.text
    assert [n.what for n in written.notes if n.key == "plans.bosun"] == [
        "is left out: without a price in usd with a Stripe id it would be free in this form"
    ]


def test_an_export_says_the_amounts_that_an_import_has_to_be_told() -> None:
    notes = [str(note) for note in exported(stands(), SourceForm.QUOTAS).notes]
    assert (
        "plans.deckhand.prices: have no amount in this form: --amounts deckhand/year=20.00" in notes
    )


def test_a_catalog_without_tiers_of_storage_has_no_such_form() -> None:
    with pytest.raises(ValueError, match="no plan of the kind `nothing`"):
        exported(shipped("kube-dc"), SourceForm.QUOTAS)


def test_a_holds_defaults_and_its_billing_block_are_told_with_its_catalog() -> None:
    options = replace(TIERS, hold_url=HOLD_URL)
    catalog = imported(QUOTAS, "quotas.yaml", options).catalog
    told = to_proto_catalog(ActiveCatalog(catalog, datetime(2026, 1, 2, tzinfo=UTC), ""))
    assert (told.free_plan, told.new_member_plan, told.grandfathered_plan) == (
        "hold/swabbie",
        "hold/swabbie",
        "hold/deckhand",
    )
    assert told.billing == HoldBilling(
        enabled=True,
        currency="usd",
        success_url="https://hold.example/billing/success",
        cancel_url="https://hold.example/billing/cancel",
    )
    pools = ActiveCatalog(shipped("kube-dc"), datetime(2026, 1, 2, tzinfo=UTC), "")
    assert not to_proto_catalog(pools).HasField("billing")
