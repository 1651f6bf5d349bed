"""Tiers of accounts, and quotes of discounted deployments; in memory and on PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from services.chassis.db import PgTransactions, open_pool
from services.chassis.errors import InvalidArgument, PermissionDenied
from services.chassis.ids import RandomIds
from services.chassis.migrate import migrate
from services.chassis.money import Money
from services.chassis.sharing import SharedRead
from services.pricing import convert, usecases
from services.pricing.costing import CommitmentRequest, Cost, DeploymentRequest
from services.pricing.errors import CloudNotSold, InstalmentsNotSold
from services.pricing.ports import PricingTransactions
from services.pricing.quotes import DeploymentQuote, QuoteRequest, Shown
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.rates import Upfront
from services.pricing.store import CardCache, PgStore, QuoteCodec, VersionCache
from services.pricing.tiers import TierRequest
from services.pricing.usecases import Asker, PriceDesk
from tests.fakes.pricing import MemoryPricingTransactions
from tests.integration.postgres_fixture import Database
from tests.unit.pricing.rate_cards import TEXT, web
from tollgate.common.v1 import money_pb2
from tollgate.pricing.v1 import pricing_pb2

MIGRATIONS = Path("services/pricing/migrations")
# What a coupon of a test ends by has to be judged by the database's day.
CARD = parse_rate_card(TEXT.replace("2026-12-31", "2100-12-31"), "card.yaml")
OPERATOR = Asker("root", trusted=True, operator=True, trace_id="t")
ALICE = Asker("alice", trusted=False)
SERVICE = Asker("subscription", trusted=True)
CODEC = QuoteCodec(convert.encode_quote, convert.decode_quote)
ONE = DeploymentRequest([web("1")])


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
    await usecases.activate_rate_card(bare, CARD, edited=False)
    return bare


async def give(tx: PricingTransactions, account: str, tier: str, key: str = "") -> datetime:
    asked = TierRequest(account, tier, "because", key, f"{account}:{tier}".encode())
    return (await usecases.set_account_tier(tx, OPERATOR, asked)).update_time


async def cost(tx: PricingTransactions, asker: Asker, account: str = "") -> Cost:
    desk = PriceDesk(tx, SharedRead(partial(usecases.card_in_force, tx)))
    return await usecases.calculate_price(desk, asker, ONE, account)


async def quote(tx: PricingTransactions, asked: DeploymentRequest, asker: Asker = ALICE) -> Shown:
    return await usecases.create_quote(tx, RandomIds(), asker, QuoteRequest("", asked))


async def test_an_accounts_tier_counts_from_when_it_is_given_until_it_is_taken_away(
    tx: PricingTransactions,
) -> None:
    assert (await cost(tx, ALICE)).total == Money("usd", 10000)
    await give(tx, "alice", "partner")
    assert (await cost(tx, ALICE)).total == Money("usd", 9000)
    assert (await cost(tx, SERVICE, "alice")).total == Money("usd", 9000)
    assert (await cost(tx, SERVICE)).total == Money("usd", 10000)
    await give(tx, "alice", "wholesale")
    assert (await cost(tx, ALICE)).total == Money("usd", 5000)
    await give(tx, "alice", "")
    assert (await cost(tx, ALICE)).total == Money("usd", 10000)


async def test_accounts_with_a_tier_are_listed_by_name_page_by_page(
    tx: PricingTransactions,
) -> None:
    for account in ("acc_3", "acc_1", "acc_2", "acc_4"):
        await give(tx, account, "partner")
    await give(tx, "acc_4", "")
    first = await usecases.list_account_tiers(tx, OPERATOR, 2, "")
    second = await usecases.list_account_tiers(tx, OPERATOR, 2, first.next_token)
    assert [held.account for held in first.items] == ["acc_1", "acc_2"]
    assert [held.account for held in second.items] == ["acc_3"]
    assert second.next_token == ""
    assert {held.tier for held in (*first.items, *second.items)} == {"partner"}


async def test_a_replay_is_answered_as_the_first_time_and_changes_nothing(
    tx: PricingTransactions,
) -> None:
    first = await give(tx, "acc_1", "partner", "k")
    await give(tx, "acc_1", "wholesale")
    assert await give(tx, "acc_1", "partner", "k") == first
    (held,) = (await usecases.list_account_tiers(tx, OPERATOR, 0, "")).items
    assert held.tier == "wholesale"
    with pytest.raises(InvalidArgument) as refused:
        await give(tx, "acc_2", "partner", "k")
    assert refused.value.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_a_tier_that_the_card_does_not_have_is_refused_and_others_fields_with_it(
    tx: PricingTransactions,
) -> None:
    with pytest.raises(InvalidArgument, match="partner, wholesale"):
        await give(tx, "acc_1", "gold")
    with pytest.raises(InvalidArgument) as refused:
        await usecases.set_account_tier(tx, OPERATOR, TierRequest("", "partner", "", "k" * 256))
    assert {one.field for one in refused.value.fields} == {"account", "reason", "request_id"}


async def test_only_operators_give_and_list_tiers(tx: PricingTransactions) -> None:
    with pytest.raises(PermissionDenied):
        await usecases.set_account_tier(tx, ALICE, TierRequest("alice", "partner", "for me"))
    with pytest.raises(PermissionDenied):
        await usecases.list_account_tiers(tx, ALICE, 0, "")


async def test_who_gave_a_tier_and_why_is_on_record() -> None:
    tx = MemoryPricingTransactions()
    await usecases.activate_rate_card(tx, CARD, edited=False)
    await give(tx, "acc_1", "partner")
    (change,) = tx.changes
    assert (change.actor, change.action, change.object) == ("root", "tier.set", "acc_1")
    assert (change.reason, change.trace_id) == ("partner: because", "t")


async def test_a_commitment_paid_upfront_is_quoted_and_reads_back_as_it_was_given(
    tx: PricingTransactions,
) -> None:
    await give(tx, "alice", "partner")
    asked = ONE._replace(commitment=CommitmentRequest(1, Upfront.ALL), coupon="LAUNCH20")
    given = await quote(tx, asked)
    assert given.stored.quote.amount == Money("usd", 60480)
    read = await usecases.get_quote(tx, ALICE, given.stored.quote.name)
    assert read.stored == given.stored
    assert isinstance(read.stored.quote.subject, DeploymentQuote)
    kinds = [one.kind for one in read.stored.quote.subject.cost.discounts]
    assert kinds == ["COMMITMENT", "ACCOUNT", "COUPON"]
    shown = convert.to_proto_quote(read).deployment
    assert shown.deployment.duration_hours == ""
    assert shown.deployment.commitment.years == 1
    assert shown.cost.schedule.upfront.minor_units == 60480


async def test_a_quote_keeps_its_discounts_when_the_tier_is_taken_away(
    tx: PricingTransactions,
) -> None:
    await give(tx, "alice", "partner")
    given = await quote(tx, ONE)
    await give(tx, "alice", "")
    assert (await usecases.get_quote(tx, ALICE, given.stored.quote.name)).stored == given.stored
    assert (await quote(tx, ONE)).stored.quote.amount > given.stored.quote.amount


@pytest.mark.parametrize("upfront", [Upfront.NONE, Upfront.PARTIAL])
async def test_instalments_and_other_clouds_are_priced_and_not_quoted(
    tx: PricingTransactions, upfront: Upfront
) -> None:
    with pytest.raises(InstalmentsNotSold):
        await quote(tx, ONE._replace(commitment=CommitmentRequest(1, upfront)))
    with pytest.raises(CloudNotSold):
        await quote(tx, ONE._replace(cloud="aws"))


async def test_a_coupon_that_ended_by_the_databases_day_is_refused(
    tx: PricingTransactions,
) -> None:
    assert (await quote(tx, ONE._replace(coupon="LAUNCH20"))).stored.quote.amount == Money(
        "usd", 8000
    )
    ended = parse_rate_card(TEXT.replace("2026-12-31", "2020-12-31"), "ended.yaml")
    await usecases.activate_rate_card(tx, ended, edited=True)
    with pytest.raises(InvalidArgument, match="ended on 2020-12-31"):
        await quote(tx, ONE._replace(coupon="LAUNCH20"))


def test_a_quote_of_old_reads_as_it_did() -> None:
    money = money_pb2.Money(currency="usd", minor_units=100)
    old = pricing_pb2.Quote(
        name="quo_old",
        owner="alice",
        amount=money,
        deployment=pricing_pb2.DeploymentQuote(
            deployment=pricing_pb2.Deployment(
                resources=[
                    pricing_pb2.ResourceSpec(
                        type="web", cpu="1", memory="0", storage="0", replicas=1
                    )
                ],
                region="north",
                duration_hours="100",
                backup_plan="none",
            ),
            cost=pricing_pb2.Cost(total=money, monthly=money, region="north"),
        ),
    )
    old.create_time.FromDatetime(datetime(2026, 1, 1, tzinfo=UTC))
    old.expire_time.FromDatetime(datetime(2026, 1, 2, tzinfo=UTC))
    content = old.SerializeToString(deterministic=True)
    kept = convert.decode_quote(content)
    assert convert.encode_quote(kept) == content
    assert isinstance(kept.subject, DeploymentQuote)
    assert (kept.subject.cost.discounts, kept.subject.cost.tax) == ((), None)
