"""Quotes of objects, their signatures, and what is open; in memory and on PostgreSQL."""

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.chassis.db import PgTransactions, open_pool
from services.chassis.errors import InvalidArgument
from services.chassis.ids import RandomIds
from services.chassis.migrate import migrate
from services.chassis.money import Money
from services.pricing import convert, usecases
from services.pricing.catalog_file import parse_catalog
from services.pricing.claims import claims_of
from services.pricing.costing import DeploymentRequest, ResourceRequest
from services.pricing.errors import (
    QuoteSignatureRefused,
    QuoteSpecMismatch,
    UnknownKind,
    UnknownQuote,
)
from services.pricing.objects import ObjectRequest
from services.pricing.ports import PricingTransactions
from services.pricing.quotes import DeploymentQuote, PlanSelection, Quote, QuoteRequest, QuoteState
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.signatures import KeyRing, QuoteKeys
from services.pricing.store import CardCache, PgStore, QuoteCodec, VersionCache
from services.pricing.usecases import Asker, Match
from tests.fakes.pricing import MemoryPricingTransactions
from tests.integration.postgres_fixture import Database
from tests.unit.pricing.signing_keys import key_set, private

MIGRATIONS = Path("services/pricing/migrations")
CARD = parse_rate_card(Path("deploy/rates/default.yaml").read_text(), "default.yaml")
CATALOG_TEXT = Path("deploy/catalogs/scaffolder.yaml").read_text()
CATALOGS = [
    parse_catalog(CATALOG_TEXT, "scaffolder"),
    parse_catalog(Path("deploy/catalogs/kube-dc.yaml").read_text(), "kube-dc"),
]
ALICE, BOB = Asker("alice", trusted=False), Asker("bob", trusted=False)
SERVICE = Asker("provisioner", trusted=True)
CODEC = QuoteCodec(convert.encode_quote, convert.decode_quote)
IDS = RandomIds()
KEYS = QuoteKeys(KeyRing.parse(key_set(private("a"))))
SPEC = {
    "wordpress": {"resources": {"requests": {"cpu": "2", "memory": "4Gi"}}, "replicas": 2},
    "mysql": {"storage": {"size": "20Gi"}},
}
SITE = ObjectRequest("apps.example.com/v1", "WordPress", "production", "blog", json.dumps(SPEC))
POOL = PlanSelection("kube-dc/pro-pool", (("kube-dc/turbo-x1", 2),))


@pytest.fixture
async def on_postgres(database: Database) -> AsyncIterator[PricingTransactions]:
    dsns = await database.service("pricing")
    await migrate(dsns.owner, "pricing", [MIGRATIONS])
    pool = await open_pool(dsns.service, application_name="test", max_size=4)
    cards, versions = CardCache(), VersionCache()
    yield PgTransactions(pool, lambda conn: PgStore(conn, versions, cards, CODEC))
    await pool.close()


@pytest.fixture(params=["memory", "postgres"])
def bare(request: pytest.FixtureRequest) -> PricingTransactions:
    if request.param == "memory":
        return MemoryPricingTransactions()
    transactions: PricingTransactions = request.getfixturevalue("on_postgres")
    return transactions


@pytest.fixture
async def tx(bare: PricingTransactions) -> PricingTransactions:
    assert await usecases.activate_rate_card(bare, CARD, edited=False)
    for catalog in CATALOGS:
        assert await usecases.activate(bare, catalog, edited=False)
    return bare


async def quoted(
    tx: PricingTransactions,
    made: ObjectRequest | None = SITE,
    rest: DeploymentRequest | PlanSelection | None = None,
    lifetime: int = 0,
) -> Quote:
    subject = rest or DeploymentRequest([], duration_hours="720", backup_plan="basic")
    request = QuoteRequest("", subject, object=made, lifetime=lifetime)
    return (await usecases.create_quote(tx, IDS, ALICE, request)).stored.quote


def changed(path: str, value: object) -> ObjectRequest:
    """Return the site with another value at a path of its spec."""
    spec = json.loads(SITE.spec)
    *way, last = path.split(".")
    at = spec
    for step in way:
        at = at.setdefault(step, {})
    at[last] = value
    return replace(SITE, spec=json.dumps(spec))


async def test_an_objects_quote_is_of_what_its_spec_needs_and_reads_back(
    tx: PricingTransactions,
) -> None:
    quote = await quoted(tx)
    assert isinstance(quote.subject, DeploymentQuote)
    types = [(one.type, one.replicas) for one in quote.subject.deployment.resources]
    assert types == [("wordpress", 2), ("mysql", 1)]
    bound = quote.subject.object
    assert bound is not None
    assert (bound.kind, bound.namespace, bound.name) == ("WordPress", "production", "blog")
    assert (bound.catalog, bound.catalog_version) == ("scaffolder", CATALOGS[0].version)
    read = await usecases.get_quote(tx, ALICE, quote.name)
    assert read.stored.quote == quote


async def test_the_same_object_matches_however_its_spec_is_written(tx: PricingTransactions) -> None:
    quote = await quoted(tx)
    again = replace(SITE, spec=json.dumps(dict(reversed(SPEC.items())), indent=3))
    match = await usecases.match_quote(tx, ALICE, quote.name, again)
    assert isinstance(quote.subject, DeploymentQuote)
    assert quote.subject.object is not None
    assert match == Match(exact=True, spec_hash=quote.subject.object.spec_hash)


async def test_what_needs_less_or_differs_for_nothing_matches_and_is_not_the_same(
    tx: PricingTransactions,
) -> None:
    quote = await quoted(tx)
    for made in (
        changed("wordpress.replicas", 1),
        changed("mysql.storage.size", "19Gi"),
        changed("wordpress.image", "wordpress:6.5"),
    ):
        assert not (await usecases.match_quote(tx, ALICE, quote.name, made)).exact


@pytest.mark.parametrize(
    ("made", "field", "was", "asked"),
    [
        (changed("wordpress.replicas", 3), "spec.wordpress.replicas", "2", "3"),
        (changed("mysql.storage.size", "21Gi"), "spec.mysql.storage.size", "20", "21"),
        (
            changed("wordpress.resources.requests.cpu", "2001m"),
            "spec.wordpress.resources.requests.cpu",
            "2",
            "2.001",
        ),
        (replace(SITE, name="shop"), "metadata.name", "blog", "shop"),
        (replace(SITE, namespace=""), "metadata.namespace", "production", ""),
        (replace(SITE, kind="WebApp"), "kind", "WordPress", "WebApp"),
        (replace(SITE, api_version="a.b/v1"), "apiVersion", "apps.example.com/v1", "a.b/v1"),
    ],
)
async def test_what_is_not_what_was_quoted_is_refused_with_the_field_that_differs(
    tx: PricingTransactions, made: ObjectRequest, field: str, was: str, asked: str
) -> None:
    quote = await quoted(tx)
    with pytest.raises(QuoteSpecMismatch) as refused:
        await usecases.match_quote(tx, ALICE, quote.name, made)
    told = {"quote": quote.name, "field": field, "quoted": was, "asked": asked}
    assert refused.value.metadata == told


async def test_a_quote_that_names_no_object_is_for_any_of_these_resources(
    tx: PricingTransactions,
) -> None:
    resources = [ResourceRequest("wordpress", "2", "4", "5", 2)]
    rest = DeploymentRequest([*resources, ResourceRequest("mysql", "1", "1", "20")])
    quote = await quoted(tx, None, rest)
    assert not (await usecases.match_quote(tx, ALICE, quote.name, SITE)).exact
    alone = await quoted(tx, None, DeploymentRequest(resources))
    with pytest.raises(QuoteSpecMismatch) as refused:
        await usecases.match_quote(tx, ALICE, alone.name, SITE)
    assert refused.value.metadata["asked"] == "one more mysql"


async def test_a_quote_goes_on_by_the_rule_that_it_was_priced_by(tx: PricingTransactions) -> None:
    quote = await quoted(tx)
    dearer = parse_catalog(CATALOG_TEXT.replace("default: 250m", "default: 4"), "scaffolder")
    assert await usecases.activate(tx, dearer, edited=True)
    assert (await usecases.match_quote(tx, ALICE, quote.name, SITE)).exact
    assert (await quoted(tx)).amount > quote.amount


async def test_a_plans_quote_is_for_no_object_and_nobody_matches_anothers(
    tx: PricingTransactions,
) -> None:
    plan = await quoted(tx, None, POOL)
    with pytest.raises(QuoteSpecMismatch):
        await usecases.match_quote(tx, ALICE, plan.name, SITE)
    quote = await quoted(tx)
    with pytest.raises(UnknownQuote):
        await usecases.match_quote(tx, BOB, quote.name, SITE)
    assert (await usecases.match_quote(tx, SERVICE, quote.name, SITE)).exact


async def test_an_object_that_cannot_be_priced_is_refused(tx: PricingTransactions) -> None:
    with pytest.raises(UnknownKind):
        await quoted(tx, replace(SITE, kind="Nothing"))
    with pytest.raises(InvalidArgument, match=r"resources: expected none"):
        await quoted(tx, SITE, DeploymentRequest([ResourceRequest("wordpress", "1")]))
    with pytest.raises(InvalidArgument, match="object"):
        await quoted(tx, SITE, POOL)
    with pytest.raises(InvalidArgument) as refused:
        await quoted(tx, changed("wordpress.resources.requests.cpu", "5000"))
    (bad,) = refused.value.fields
    assert bad.field == "spec.wordpress.resources.requests.cpu"


async def test_a_signature_is_checked_against_what_was_promised(tx: PricingTransactions) -> None:
    quote = await quoted(tx)
    signature = KEYS.sign(claims_of(quote))
    verified, shown = await usecases.verify_quote(tx, KEYS, ALICE, signature)
    assert verified.claims == claims_of(quote)
    assert shown.state is QuoteState.OPEN
    await usecases.take_quote(tx, SERVICE, quote.name, "cr_1", paid=True)
    _, shown = await usecases.verify_quote(tx, KEYS, SERVICE, signature)
    assert (shown.state, shown.stored.taker) == (QuoteState.TAKEN, "cr_1")
    with pytest.raises(UnknownQuote):
        await usecases.verify_quote(tx, KEYS, BOB, signature)
    # Whoever has the key can sign anything; what is stored is what was promised.
    cheaper = replace(claims_of(quote), total=Money("usd", 1))
    with pytest.raises(QuoteSignatureRefused):
        await usecases.verify_quote(tx, KEYS, ALICE, KEYS.sign(cheaper))


async def test_others_compute_the_hash_of_what_was_priced(tx: PricingTransactions) -> None:
    quote = await quoted(tx)
    spec = json.dumps(SPEC, sort_keys=True, separators=(",", ":"))
    gib = 1 << 30
    form = {
        "v": 1,
        "kind": "deployment",
        "cloud": "own",
        "region": "us-east-1",
        "hours": "720",
        "backupPlan": "basic",
        "features": [],
        "commitment": "",
        "coupon": "",
        "resources": [
            {
                "type": "wordpress",
                "cpu": "2",
                "memory": str(4 * gib),
                "storage": str(5 * gib),
                "replicas": 2,
            },
            {
                "type": "mysql",
                "cpu": "0.25",
                "memory": str(gib // 2),
                "storage": str(20 * gib),
                "replicas": 1,
            },
        ],
        "object": {
            "apiVersion": "apps.example.com/v1",
            "kind": "WordPress",
            "namespace": "production",
            "name": "blog",
            "spec": "sha256:" + hashlib.sha256(spec.encode()).hexdigest(),
        },
    }
    text = json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    expected = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert claims_of(quote).spec_hash == expected


async def test_the_hash_of_a_plan_is_of_what_is_bought(tx: PricingTransactions) -> None:
    form = {
        "v": 1,
        "kind": "plan",
        "plan": "kube-dc/pro-pool",
        "addons": [["kube-dc/turbo-x1", 2]],
        "currency": "eur",
        "interval": "month",
        "trialDays": 0,
    }
    text = json.dumps(form, sort_keys=True, separators=(",", ":"))
    claims = claims_of(await quoted(tx, None, POOL))
    assert claims.spec_hash == "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert (claims.catalog_version, claims.rate_card_version) == (CATALOGS[1].version, "")


async def test_open_quotes_are_those_that_may_still_be_taken(tx: PricingTransactions) -> None:
    first, second, third = [await quoted(tx) for _ in range(3)]
    plan = await quoted(tx, None, POOL)
    await usecases.take_quote(tx, SERVICE, second.name, "cr_1", paid=True)

    async def names(kind: str, limit: int) -> list[str]:
        found = await tx.run(lambda store: store.open_quotes(kind, limit))
        return [one.name for one in found]

    assert await names("deployment", 10) == [first.name, third.name]
    assert await names("deployment", 1) == [first.name]
    assert await names("plan", 10) == [plan.name]


async def test_an_expired_quote_is_not_open() -> None:
    tx = MemoryPricingTransactions()
    await usecases.activate_rate_card(tx, CARD, edited=False)
    await usecases.activate(tx, CATALOGS[0], edited=False)
    quote = await quoted(tx, lifetime=60)
    tx.time = quote.expire_time + timedelta(seconds=1)
    assert await tx.run(lambda store: store.open_quotes("deployment", 10)) == []
    signature = KEYS.sign(claims_of(quote))
    _, shown = await usecases.verify_quote(tx, KEYS, ALICE, signature)
    assert shown.state is QuoteState.EXPIRED
