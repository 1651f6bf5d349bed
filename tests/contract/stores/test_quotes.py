"""Quotes: kept, taken once, judged again; in memory and on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import asyncpg
import pytest

from services.chassis.db import PgTransactions, open_pool
from services.chassis.errors import InvalidArgument
from services.chassis.ids import RandomIds
from services.chassis.migrate import migrate
from services.chassis.money import Money
from services.pricing import convert, usecases
from services.pricing.catalog_file import parse_catalog
from services.pricing.costing import DeploymentRequest, ResourceRequest
from services.pricing.domain import Interval
from services.pricing.errors import (
    NotYourQuote,
    PaymentRequired,
    PlanNotSold,
    QuoteExpired,
    QuoteTaken,
    UnknownQuote,
)
from services.pricing.ports import PricingTransactions
from services.pricing.quotes import (
    DeploymentQuote,
    PlanQuote,
    PlanSelection,
    Quote,
    QuoteRequest,
    QuoteState,
    Shown,
)
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.store import CardCache, PgStore, QuoteCodec, VersionCache
from services.pricing.tiers import TierRequest
from services.pricing.usecases import Asker
from tests.fakes.pricing import MemoryPricingTransactions
from tests.integration.postgres_fixture import Database

MIGRATIONS = Path("services/pricing/migrations")
RATES = Path("deploy/rates/default.yaml").read_text()
CARD = parse_rate_card(RATES, "default.yaml")
CATALOGS = [
    parse_catalog(Path(f"deploy/catalogs/{name}.yaml").read_text(), name)
    for name in ("kube-dc", "sessions")
]
ALICE = Asker("alice", trusted=False)
SERVICE = Asker("subscription", trusted=True)
OPERATOR = Asker("root", trusted=True, operator=True)
CODEC = QuoteCodec(convert.encode_quote, convert.decode_quote)
IDS = RandomIds()
SMALL = DeploymentRequest([ResourceRequest("wordpress", "1", "1", "1")])
LARGE = DeploymentRequest([ResourceRequest("wordpress", "4")])
POOLS = Path("deploy/catalogs/kube-dc.yaml").read_text()
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
        await usecases.activate(bare, catalog, edited=False)
    return bare


async def quote(
    tx: PricingTransactions,
    subject: DeploymentRequest | PlanSelection,
    asker: Asker = ALICE,
    **more: object,
) -> Shown:
    request = replace(QuoteRequest("", subject), **more)  # type: ignore[arg-type]  # by name
    return await usecases.create_quote(tx, IDS, asker, request)


async def test_a_quote_reads_back_as_it_was_given(tx: PricingTransactions) -> None:
    for subject in (SMALL, POOL):
        given = await quote(tx, subject)
        read = await usecases.get_quote(tx, ALICE, given.stored.quote.name)
        assert read.stored == given.stored
        assert read.state is QuoteState.OPEN


async def test_a_quote_keeps_its_price_when_the_rates_change(tx: PricingTransactions) -> None:
    given = await quote(tx, SMALL)
    dearer = parse_rate_card(RATES.replace('"0.048"', '"0.480"'), "dearer.yaml")
    assert await usecases.activate_rate_card(tx, dearer, edited=True)
    assert (await quote(tx, SMALL)).stored.quote.amount > given.stored.quote.amount
    kept = await usecases.get_quote(tx, ALICE, given.stored.quote.name)
    assert kept.stored.quote == given.stored.quote
    assert isinstance(kept.stored.quote.subject, DeploymentQuote)


async def test_a_plan_with_add_ons_is_quoted_line_by_line(tx: PricingTransactions) -> None:
    subject = (await quote(tx, POOL)).stored.quote
    assert subject.amount == Money("eur", 4900 + 2 * 900)
    assert isinstance(subject.subject, PlanQuote)
    assert [(line.subject, line.quantity) for line in subject.subject.lines] == [
        ("kube-dc/pro-pool", 1),
        ("kube-dc/turbo-x1", 2),
    ]
    assert subject.subject.lines[0].provider_prices == {"stripe": "price_kube_dc_pro_pool"}


async def test_what_is_not_sold_is_not_quoted(tx: PricingTransactions) -> None:
    for wanted, refusal in (
        (replace(POOL, plan="kube-dc/huge"), "UNKNOWN_PLAN"),
        (replace(POOL, plan="nobody/huge"), "UNKNOWN_CATALOG"),
        (replace(POOL, addons=(("kube-dc/nitro", 1),)), "UNKNOWN_ADDON"),
        (replace(POOL, currency="usd"), "NOT_SOLD_IN_CURRENCY"),
        (replace(POOL, interval=Interval.YEAR), "NOT_SOLD_IN_CURRENCY"),
        (replace(POOL, addons=(("kube-dc/turbo-x1", 0),)), "INVALID_FIELDS"),
        (replace(POOL, trial=True), "INVALID_FIELDS"),
    ):
        with pytest.raises(InvalidArgument) as refused:
            await quote(tx, wanted)
        assert refused.value.reason == refusal
        assert refused.value.fields
    with pytest.raises(PlanNotSold):
        await quote(tx, PlanSelection("sessions/enterprise"))


async def test_what_is_wrong_with_a_plans_quote_is_named_at_once(tx: PricingTransactions) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await quote(tx, replace(POOL, currency="usd", trial=True))
    assert [bad.field for bad in refused.value.fields] == ["trial", "currency"]
    assert "eur/month" in refused.value.fields[1].description


async def test_a_year_has_its_own_price(tx: PricingTransactions) -> None:
    yearly = PlanSelection("sessions/professional", interval=Interval.YEAR)
    assert (await quote(tx, yearly)).stored.quote.amount == Money("usd", 49000)


async def test_a_quote_is_its_owners(tx: PricingTransactions) -> None:
    name = (await quote(tx, SMALL)).stored.quote.name
    with pytest.raises(UnknownQuote):
        await usecases.get_quote(tx, Asker("mallory", trusted=False), name)
    assert await usecases.get_quote(tx, SERVICE, name)
    with pytest.raises(NotYourQuote):
        await quote(tx, SMALL, owner="acc_1")
    assert (await quote(tx, SMALL, SERVICE, owner="acc_1")).stored.quote.owner == "acc_1"


async def test_the_same_key_gives_the_same_quote_and_other_content_is_refused(
    tx: PricingTransactions,
) -> None:
    first = await quote(tx, SMALL, request_id="k", request_hash=b"small")
    again = await quote(tx, SMALL, request_id="k", request_hash=b"small")
    assert again.stored == first.stored
    with pytest.raises(InvalidArgument) as refused:
        await quote(tx, LARGE, request_id="k", request_hash=b"large")
    assert refused.value.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_a_quote_is_taken_by_one_taker(tx: PricingTransactions) -> None:
    name = (await quote(tx, POOL)).stored.quote.name
    taken = await usecases.take_quote(tx, SERVICE, name, "op_1", paid=True)
    assert taken.state is QuoteState.TAKEN
    again = await usecases.take_quote(tx, SERVICE, name, "op_1", paid=True)
    assert again.stored == taken.stored
    with pytest.raises(QuoteTaken):
        await usecases.take_quote(tx, SERVICE, name, "op_2", paid=True)


async def test_two_takers_at_once_do_not_both_get_it(tx: PricingTransactions) -> None:
    name = (await quote(tx, POOL)).stored.quote.name

    async def take(taker: str) -> bool:
        try:
            await usecases.take_quote(tx, SERVICE, name, taker, paid=True)
        except QuoteTaken:
            return False
        return True

    results = await asyncio.gather(*(take(f"op_{number}") for number in range(8)))
    assert sum(results) == 1


async def test_a_lifetime_out_of_bounds_is_refused_and_a_short_one_is_kept(
    tx: PricingTransactions,
) -> None:
    for lifetime in (1, -5, 604_801):
        with pytest.raises(InvalidArgument, match="lifetime_seconds"):
            await quote(tx, SMALL, lifetime=lifetime)
    given = (await quote(tx, SMALL, lifetime=60)).stored.quote
    assert (given.expire_time - given.create_time).total_seconds() == 60


async def test_above_the_threshold_payment_is_required(tx: PricingTransactions) -> None:
    assert not (await quote(tx, SMALL)).stored.quote.payment_required
    assert (await quote(tx, LARGE)).stored.quote.payment_required
    # An hour of it costs little; the month is what counts.
    hour = LARGE._replace(duration_hours="1")
    given = (await quote(tx, hour)).stored.quote
    assert given.amount < Money("usd", 100)
    assert given.payment_required
    # A month of it costs little; the year that is asked for is what counts.
    year = SMALL._replace(duration_hours="8760")
    assert (await quote(tx, year)).stored.quote.payment_required
    with pytest.raises(PaymentRequired):
        await usecases.take_quote(tx, SERVICE, given.name, "cr_1", paid=False)


async def test_small_deployments_that_are_unpaid_count_together(tx: PricingTransactions) -> None:
    quotes = [(await quote(tx, SMALL)).stored.quote for _ in range(3)]
    assert not any(given.payment_required for given in quotes)
    for number, given in enumerate(quotes[:2]):
        await usecases.take_quote(tx, SERVICE, given.name, f"cr_{number}", paid=False)
    with pytest.raises(PaymentRequired):
        await usecases.take_quote(tx, SERVICE, quotes[2].name, "cr_2", paid=False)
    assert (await quote(tx, SMALL)).stored.quote.payment_required
    bob = Asker("bob", trusted=False)
    assert not (await quote(tx, SMALL, bob)).stored.quote.payment_required


async def test_a_plan_is_never_taken_unpaid(tx: PricingTransactions) -> None:
    name = (await quote(tx, POOL)).stored.quote.name
    with pytest.raises(PaymentRequired):
        await usecases.take_quote(tx, SERVICE, name, "op_1", paid=False)


async def test_the_rows_of_a_quote_cannot_be_changed(database: Database) -> None:
    dsns = await database.service("pricing")
    await migrate(dsns.owner, "pricing", [MIGRATIONS])
    pool = await open_pool(dsns.service, application_name="test", max_size=2)
    tx: PricingTransactions = PgTransactions(
        pool, lambda conn: PgStore(conn, VersionCache(), CardCache(), CODEC)
    )
    await usecases.activate_rate_card(tx, CARD, edited=False)
    name = (await quote(tx, SMALL)).stored.quote.name
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await pool.execute("UPDATE quotes SET weight = 0 WHERE name = $1", name)
    await usecases.take_quote(tx, SERVICE, name, "cr_1", paid=False)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await pool.execute("UPDATE quotes SET taker = 'other' WHERE name = $1", name)
    await pool.close()


async def test_an_expired_quote_is_not_taken() -> None:
    tx = MemoryPricingTransactions()
    await usecases.activate_rate_card(tx, CARD, edited=False)
    given = (await quote(tx, SMALL)).stored.quote
    tx.time = given.expire_time
    assert (await usecases.get_quote(tx, ALICE, given.name)).state is QuoteState.EXPIRED
    with pytest.raises(QuoteExpired):
        await usecases.take_quote(tx, SERVICE, given.name, "cr_1", paid=False)


class Chance:
    """Whatever may happen to pricing, drawn from a seed."""

    def __init__(self, seed: int, tx: PricingTransactions) -> None:
        self.random = Random(seed)
        self.tx = tx
        self.given: dict[str, Quote] = {}
        self.takers: dict[str, str] = {}

    async def happens(self) -> None:
        """Let one thing happen."""
        await self.random.choice(
            [self.ask, self.ask, self.take, self.rates, self.plans, self.tier]
        )()

    async def ask(self) -> None:
        size = str(self.random.randint(1, 9))
        deployment = DeploymentRequest(
            [ResourceRequest("web", size, size, size, self.random.randint(1, 5))],
            region=self.random.choice(list(CARD.regions)),
            duration_hours=str(self.random.randint(1, 87_600)),
            backup_plan=self.random.choice(list(CARD.backup_plans)),
        )
        wanted = POOL if self.random.random() < 0.5 else deployment
        made = (await quote(self.tx, wanted, lifetime=self.random.choice([0, 60]))).stored
        self.given[made.quote.name] = made.quote

    async def take(self) -> None:
        if not self.given:
            return
        name, taker = self.random.choice(list(self.given)), f"op_{self.random.randint(1, 3)}"
        with suppress(QuoteTaken):
            await usecases.take_quote(self.tx, SERVICE, name, taker, paid=True)
            assert self.takers.setdefault(name, taker) == taker

    async def rates(self) -> None:
        text = RATES.replace('"0.048"', f'"0.{self.random.randint(100, 999)}"')
        await usecases.activate_rate_card(self.tx, parse_rate_card(text, "r.yaml"), edited=True)

    async def plans(self) -> None:
        price = f'amount: "{self.random.randint(50, 99)}.00"'
        dearer = parse_catalog(POOLS.replace('amount: "49.00"', price), "kube-dc.yaml")
        await usecases.activate(self.tx, dearer, edited=True)

    async def tier(self) -> None:
        asked = TierRequest("alice", "", "a new contract")
        await usecases.set_account_tier(self.tx, OPERATOR, asked)


@pytest.mark.parametrize("seed", range(3))
async def test_a_quote_never_changes_once_it_is_stored_whatever_happens(
    tx: PricingTransactions, seed: int
) -> None:
    chance = Chance(seed, tx)
    for _ in range(40):
        await chance.happens()
        for name, promised in chance.given.items():
            stored = (await usecases.get_quote(tx, ALICE, name)).stored
            assert stored.quote == promised
            assert convert.encode_quote(stored.quote) == convert.encode_quote(promised)
            assert stored.taker == chance.takers.get(name, "")
    assert len(chance.given) > 5
    assert chance.takers
