"""What every store of pricing does with catalogs that are told of, in memory and on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.chassis.db import PgTransactions, open_pool
from services.chassis.errors import InvalidArgument, PermissionDenied
from services.chassis.facts import FactRecord
from services.chassis.migrate import migrate
from services.pricing import convert, usecases
from services.pricing.catalog_file import parse_catalog
from services.pricing.convert.plans import PLANS_OBSERVED
from services.pricing.domain import ActiveCatalog
from services.pricing.sources import ImportOptions, ImportSettings
from services.pricing.store import CardCache, PgStore, QuoteCodec, VersionCache
from services.pricing.usecases import Asker, PricingTransactions
from services.pricing.worker import CatalogFiles, ObservedCatalogs
from tests.fakes.chassis import ManualClock
from tests.fakes.pricing import MemoryPricingTransactions
from tests.integration.postgres_fixture import Database
from tollgate.provisioner.v1.events_pb2 import PlansObserved

MIGRATIONS = Path("services/pricing/migrations")
SOURCE = "kube-dc/billing-plans"
PLANS = """\
plans:
  small: {displayName: Small, price: 5, requests: {cpu: 1, memory: 2Gi}}
  large: {displayName: Large, price: 50, requests: {cpu: 10, memory: 20Gi}}
suspendedPlan: {cpu: 100m, memory: 128Mi, pods: 5, servicesLB: 0}
"""
DEARER = PLANS.replace("price: 5,", "price: 7,")
BROKEN = PLANS.replace("price: 50", "price: much")
FILE = """\
catalog: kube-dc
plans:
  own: {name: Own, provisions: {kind: organization, quota: {cpu: 8}}, on_unpaid: delete, on_end: delete}
"""  # noqa: E501 - a plan a line


def plans_fact(
    revision: int, text: str | None, *, stands: bool = True, size: int = 0
) -> FactRecord:
    """Return what the provisioner tells; a text of None is a ConfigMap without plans."""
    message = PlansObserved(source=SOURCE, stands=stands, text=text, left_out_bytes=size)
    payload = message.SerializeToString()
    return FactRecord(f"fct_{revision}", f"plans:{SOURCE}", revision, PLANS_OBSERVED, payload)


@dataclass
class Pricing:
    """Pricing as far as it is told of a ConfigMap."""

    tx: PricingTransactions
    others: list[FactRecord]

    def replica(self, settings: ImportSettings | None = None) -> ObservedCatalogs:
        async def other(fact: FactRecord, source: str) -> None:
            self.others.append(fact)

        return ObservedCatalogs(self.tx, settings or ImportSettings(), other)

    async def told(self, revision: int, text: str | None, *, stands: bool = True) -> ActiveCatalog:
        """Tell one replica, and return what is in force then."""
        await self.replica().take(plans_fact(revision, text, stands=stands), "provisioner")
        return await self.active()

    async def active(self) -> ActiveCatalog:
        (only,) = await usecases.list_catalogs(self.tx)
        return only


@pytest.fixture
async def on_postgres(database: Database) -> AsyncIterator[PricingTransactions]:
    dsns = await database.service("pricing")
    await migrate(dsns.owner, "pricing", [MIGRATIONS])
    pool = await open_pool(dsns.service, application_name="test", max_size=4)
    codec = QuoteCodec(convert.encode_quote, convert.decode_quote)
    yield PgTransactions(
        pool, lambda connection: PgStore(connection, VersionCache(most=1), CardCache(), codec)
    )
    await pool.close()


@pytest.fixture(params=["memory", "postgres"])
def pricing(request: pytest.FixtureRequest) -> Pricing:
    if request.param == "memory":
        return Pricing(MemoryPricingTransactions(), [])
    return Pricing(request.getfixturevalue("on_postgres"), [])


def price(active: ActiveCatalog, plan: str) -> int:
    """Return what a plan costs a month, in cents."""
    return active.catalog.plans[plan].prices[0].amount.minor_units


async def test_what_a_configmap_says_is_in_force_and_so_is_its_edit(pricing: Pricing) -> None:
    first = await pricing.told(1, PLANS)
    assert (first.catalog.name, list(first.catalog.plans)) == ("kube-dc", ["small", "large"])
    assert price(await pricing.told(2, DEARER), "small") == 700
    back = await pricing.told(3, PLANS)
    assert (price(back, "small"), back.error) == (500, "")
    assert back.catalog.version == first.catalog.version


async def test_an_older_fact_that_comes_late_changes_nothing(pricing: Pricing) -> None:
    await pricing.told(5, DEARER)
    assert price(await pricing.told(4, PLANS), "small") == 700
    assert price(await pricing.told(5, PLANS), "small") == 700


async def test_the_same_content_told_again_makes_no_version(pricing: Pricing) -> None:
    before = await pricing.told(1, PLANS)
    assert await pricing.told(2, PLANS) == before
    # And what is older than the telling is old.
    assert price(await pricing.told(2, DEARER), "small") == 500


async def test_replicas_that_are_told_at_once_make_one_version(pricing: Pricing) -> None:
    await pricing.told(1, PLANS)
    facts = [plans_fact(2, DEARER), plans_fact(2, DEARER), plans_fact(3, DEARER)]
    if isinstance(pricing.tx, MemoryPricingTransactions):
        # In memory the second of two at once is asked to try again.
        for fact in facts:
            await pricing.replica().take(fact, "provisioner")
    else:
        await asyncio.gather(*(pricing.replica().take(one, "provisioner") for one in facts))
    active = await pricing.active()
    assert price(active, "small") == 700
    (source,) = await usecases.catalog_sources(pricing.tx)
    assert (source.seen.revision, source.catalog, source.error) == (3, "kube-dc", "")


async def test_a_broken_plan_is_reported_with_its_line_and_the_others_stay(
    pricing: Pricing,
) -> None:
    partly = await pricing.told(1, BROKEN)
    assert list(partly.catalog.plans) == ["small"]
    assert "kube-dc/billing-plans#plans.yaml:3: plans.large.price: expected an amount" in (
        partly.error
    )
    assert (await pricing.told(2, PLANS)).error == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (PLANS.replace("plans:", "plans: ["), "is no YAML"),
        ("plans: {}\n", "plans: Dictionary should have at least 1 item"),
        (None, "#plans.yaml: is missing"),
        ("plans: {a\0b: {}}\n", "is no YAML"),
        ("plans: " + "[" * 5000, "is nested too deep"),
    ],
)
async def test_a_configmap_that_cannot_be_read_leaves_the_last_good_one_in_force(
    pricing: Pricing, text: str | None, why: str
) -> None:
    good = await pricing.told(1, PLANS)
    bad = await pricing.told(2, text)
    assert bad.catalog == good.catalog
    assert why in bad.error
    assert (await pricing.told(3, PLANS)).error == ""


async def test_a_configmap_that_is_too_long_is_said_to_be(pricing: Pricing) -> None:
    await pricing.told(1, PLANS)
    await pricing.replica().take(plans_fact(2, None, size=300_000), "provisioner")
    assert "has 300000 bytes, too many" in (await pricing.active()).error


async def test_a_configmap_that_is_gone_leaves_what_it_said_last_in_force(
    pricing: Pricing,
) -> None:
    good = await pricing.told(1, PLANS)
    gone = await pricing.told(2, None, stands=False)
    assert gone.catalog == good.catalog
    assert gone.error == "kube-dc/billing-plans: is gone, or not watched any more"
    assert price(await pricing.told(3, DEARER), "small") == 700


async def test_a_file_changes_nothing_of_a_catalog_that_a_configmap_governs(
    pricing: Pricing, tmp_path: Path
) -> None:
    (tmp_path / "kube-dc.yaml").write_text(FILE)
    files = CatalogFiles(tmp_path, pricing.tx, ManualClock())
    await files.load()
    assert list((await pricing.active()).catalog.plans) == ["own"]
    governed = await pricing.told(1, PLANS)
    assert list(governed.catalog.plans) == ["small", "large"]
    for text in (FILE.replace("cpu: 8", "cpu: 9"), FILE.replace("name:", "nmae:")):
        (tmp_path / "kube-dc.yaml").write_text(text)
        await files.look()
        assert await pricing.active() == governed
    await pricing.told(2, None, stands=False)
    (tmp_path / "kube-dc.yaml").write_text(FILE.replace("cpu: 8", "cpu: 10"))
    await files.look()
    active = await pricing.active()
    assert (list(active.catalog.plans), active.error) == (["own"], "")


async def test_at_a_start_it_is_read_with_the_options_of_that_time(pricing: Pricing) -> None:
    await pricing.told(1, PLANS)
    prices = ImportOptions(price_ids={"STRIPE_PRICE_SMALL": "price_1"}, tiers={"small": "basic"})
    for settings in (
        ImportSettings(others=prices),
        ImportSettings({"billing-plans.yaml": prices}),
        ImportSettings({SOURCE: prices, "billing-plans.yaml": ImportOptions()}),
    ):
        await pricing.replica(settings).load()
        plan = (await pricing.active()).catalog.plans["small"]
        assert (plan.tier, dict(plan.prices[0].provider_prices)) == ("basic", {"stripe": "price_1"})


async def test_what_others_sell_is_not_sold_twice_and_that_is_said(
    pricing: Pricing, tmp_path: Path
) -> None:
    priced = "{name: A, provisions: {kind: nothing}, on_unpaid: delete, on_end: delete, prices: ["
    text = f"catalog: other\nplans:\n  a: {priced}{{currency: eur, interval: month, "
    (tmp_path / "other.yaml").write_text(text + 'amount: "1.00", stripe_price: price_1}]}\n')
    await CatalogFiles(tmp_path, pricing.tx, ManualClock()).load()
    options = ImportOptions(price_ids={"STRIPE_PRICE_SMALL": "price_1"})
    replica = pricing.replica(ImportSettings(others=options))
    await replica.take(plans_fact(1, PLANS), "provisioner")
    assert (await pricing.active()).catalog.name == "other"
    (source,) = await usecases.catalog_sources(pricing.tx)
    assert "price_1 is sold by catalog other already" in source.error
    assert source.catalog == ""


async def test_only_the_provisioner_is_believed_and_other_facts_go_on(pricing: Pricing) -> None:
    replica = pricing.replica()
    with pytest.raises(InvalidArgument, match="does not own"):
        await replica.take(plans_fact(1, PLANS), "subscription")
    for bad in (
        FactRecord("fct_1", "k", 1, PLANS_OBSERVED, b"\xff\xff"),
        FactRecord("fct_2", "k", 1, PLANS_OBSERVED, b""),
        FactRecord("fct_3", "k", 0, PLANS_OBSERVED, plans_fact(1, PLANS).payload),
    ):
        with pytest.raises(InvalidArgument):
            await replica.take(bad, "provisioner")
    other = FactRecord("fct_9", "k", 1, "tollgate.provisioner.v1.CapacityObserved", b"")
    await replica.take(other, "provisioner")
    assert pricing.others == [other]
    assert await usecases.catalog_sources(pricing.tx) == []


async def test_what_came_of_it_is_in_the_audit_record() -> None:
    tx = MemoryPricingTransactions()
    pricing = Pricing(tx, [])
    await pricing.told(1, BROKEN)
    await pricing.told(2, "plans: {}\n")
    taken, refused = tx.changes
    assert (taken.actor, taken.action, taken.object) == (
        "service:provisioner",
        "catalog.take",
        SOURCE,
    )
    assert "plans.large.price" in taken.reason
    assert (refused.action, "at least 1 item" in refused.reason) == ("catalog.refuse", True)


async def test_an_operator_sees_what_each_source_said_last_and_what_came_of_it(
    pricing: Pricing,
) -> None:
    operator = Asker("root", trusted=True, operator=True)
    assert await usecases.list_catalog_sources(pricing.tx, operator) == []
    replica = pricing.replica()
    await replica.take(plans_fact(1, BROKEN.replace("price: 5,", "price: much,")), "provisioner")
    ((source, version),) = await usecases.list_catalog_sources(pricing.tx, operator)
    # Nothing of it was ever good: it governs nothing, and says why.
    assert (source.seen.source, source.catalog, version) == (SOURCE, "", "")
    assert "plans.small.price" in source.error
    active = await pricing.told(2, BROKEN)
    ((source, version),) = await usecases.list_catalog_sources(pricing.tx, operator)
    assert (source.catalog, version) == ("kube-dc", active.catalog.version)
    message = convert.to_proto_source(source, version)
    assert (message.revision, message.stands) == (2, True)
    assert message.text_bytes == len(BROKEN.encode())
    assert list(message.problems) == source.error.splitlines()
    await replica.take(plans_fact(3, None, size=99_999), "provisioner")
    ((source, version),) = await usecases.list_catalog_sources(pricing.tx, operator)
    assert convert.to_proto_source(source, version).text_bytes == 99_999
    assert version == active.catalog.version


async def test_nobody_but_an_operator_sees_sources(pricing: Pricing) -> None:
    with pytest.raises(PermissionDenied):
        await usecases.list_catalog_sources(pricing.tx, Asker("ada", trusted=False))


RIVAL = """\
catalog: rival
plans:
  own:
    name: Own
    prices: [{currency: eur, interval: month, amount: "1.00", stripe_price: price_small}]
    provisions: {kind: organization, quota: {cpu: 8}}
    on_unpaid: delete
    on_end: delete
"""
SOLD = PLANS.replace("small: {", "small: {providers: {stripe: {priceId: price_small}}, ")
ELSEWHERE = RIVAL.replace("price_small", "price_own")


async def test_a_source_that_another_catalog_stood_in_the_way_of_is_taken_when_that_one_changes(
    pricing: Pricing,
) -> None:
    await usecases.activate(pricing.tx, parse_catalog(RIVAL, "rival.yaml"), edited=True)
    replica = pricing.replica()
    await replica.take(plans_fact(1, SOLD), "provisioner")
    assert [one.catalog.name for one in await usecases.list_catalogs(pricing.tx)] == ["rival"]
    await replica.look()
    (waiting,) = await usecases.catalog_sources(pricing.tx)
    assert "price_small is sold by catalog rival" in waiting.error
    await usecases.activate(pricing.tx, parse_catalog(ELSEWHERE, "rival.yaml"), edited=True)
    await replica.look()
    ours = (await usecases.list_catalogs(pricing.tx))[0]
    assert (ours.catalog.name, price(ours, "small"), ours.error) == ("kube-dc", 500, "")
    (taken,) = await usecases.catalog_sources(pricing.tx)
    assert (taken.catalog, taken.error) == ("kube-dc", "")


async def test_an_edit_that_was_refused_goes_back_to_a_version_of_before_when_it_can(
    pricing: Pricing,
) -> None:
    replica = pricing.replica()
    await replica.take(plans_fact(1, SOLD), "provisioner")
    await replica.take(plans_fact(2, DEARER), "provisioner")
    await usecases.activate(pricing.tx, parse_catalog(RIVAL, "rival.yaml"), edited=True)
    await replica.take(plans_fact(3, SOLD), "provisioner")
    assert price((await usecases.list_catalogs(pricing.tx))[0], "small") == 700
    await usecases.activate(pricing.tx, parse_catalog(ELSEWHERE, "rival.yaml"), edited=True)
    await replica.look()
    assert price((await usecases.list_catalogs(pricing.tx))[0], "small") == 500


async def test_a_file_that_another_catalog_stands_in_the_way_of_is_taken_when_that_one_changes(
    pricing: Pricing, tmp_path: Path
) -> None:
    await pricing.told(1, SOLD)
    (tmp_path / "rival.yaml").write_text(ELSEWHERE)
    files = CatalogFiles(tmp_path, pricing.tx, ManualClock())
    await files.load()
    (tmp_path / "rival.yaml").write_text(RIVAL)
    await files.look()
    await files.look()
    assert "is sold by catalog kube-dc" in (await usecases.list_catalogs(pricing.tx))[1].error
    await pricing.replica().take(plans_fact(2, PLANS), "provisioner")
    await files.look()
    own = (await usecases.list_catalogs(pricing.tx))[1]
    sold = own.catalog.plans["own"].prices[0].provider_prices
    assert (dict(sold), own.error) == ({"stripe": "price_small"}, "")
