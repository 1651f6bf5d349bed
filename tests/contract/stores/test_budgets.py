"""Budgets and their alerts; in memory and on PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.clock import SystemClock
from services.chassis.errors import InvalidArgument
from services.chassis.ids import RandomIds
from services.pricing import capacity as c
from services.pricing.costs import usecases
from services.pricing.costs.budgets import Basis, Budget, BudgetWish, Threshold
from services.pricing.costs.domain import CostFilter, Observation
from services.pricing.costs.errors import EtagMismatch, NotYourCosts, NoWebhook, UnknownBudget
from services.pricing.costs.sight import Asker
from services.pricing.costs.telling import (
    RETRY_AFTER,
    Channel,
    Delivery,
    DeliveryState,
    NotDelivered,
    Telling,
)
from services.pricing.costs.usecases import BudgetChange
from tests.contract.stores.costs_backend import CARD, Backend, InMemory, on_postgres
from tests.integration.postgres_fixture import Database


class SteppingClock(SystemClock):
    """A second passes between two looks, so that ids have an order."""

    def __init__(self) -> None:
        self._time = datetime(2026, 3, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self._time += timedelta(seconds=1)
        return self._time


IDS = RandomIds(SteppingClock())
ROOT = Asker("root", everything=True)
ADA = Asker("ada", name="ada", email="ada@acme.example")
BOSS = Asker("bea", name="bea", organization="acme")
NEW = BudgetChange("", b"")
ALL_WAYS = Telling(mail=True, webhook_keys=(b"k" * 32,))
HOOK = "https://hooks.example/1"
OWN = BudgetWish(
    "My month",
    CostFilter(user="ada"),
    "usd",
    10_000,
    (Threshold(50, Basis.SPENT), Threshold(100, Basis.FORECAST)),
)
OURS = replace(OWN, display_name="Ours", filter=CostFilter(organization="acme"))
OURS_OF_ADA = replace(OWN, display_name="Another")


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Backend]:
    if request.param == "memory":
        memory = InMemory()
        await memory.activate(CARD, datetime(2020, 1, 1, tzinfo=UTC))
        yield memory
        return
    async with on_postgres(database) as backend:
        await backend.activate(CARD, datetime(2020, 1, 1, tzinfo=UTC))
        yield backend


async def make(
    store: Backend, asker: Asker, wish: BudgetWish, change: BudgetChange = NEW
) -> Budget:
    return await usecases.create_budget(store.tx, IDS, asker, change, wish, ALL_WAYS)


async def names(store: Backend, asker: Asker) -> list[str]:
    page = await usecases.list_budgets(store.tx, asker, 0, "")
    return [budget.display_name for budget in page.items]


async def spend(store: Backend, monthly_cores: int, user: str = "ada") -> None:
    """Let so many cores have stood since long before this month."""
    capacity = c.Organization(
        {"cpu": str(monthly_cores)}, {}, "1", c.ContainerLimits(), None, 0, {}
    )
    begin = datetime.now(UTC) - timedelta(days=100)
    told = Observation(f"ten_{user}", 1, begin, "acc_1", "kube-dc/dev", capacity, user=user)
    await usecases.take_observation(store.tx, told)


async def test_a_budget_is_kept_as_it_was_made(store: Backend) -> None:
    made = await make(store, ADA, OWN)
    assert made == await usecases.get_budget(store.tx, ADA, made.name)
    assert (made.filter, made.thresholds) == (OWN.filter, OWN.thresholds)
    assert (str(made.amount), made.etag) == ("100.00 USD", "1")
    assert await store.actions() == ["budget.create"]


async def test_the_same_key_makes_one_budget_and_other_content_is_refused(store: Backend) -> None:
    change = BudgetChange("key", b"hash")
    first = await make(store, ADA, OWN, change)
    assert await make(store, ADA, OWN, change) == first
    with pytest.raises(InvalidArgument) as refused:
        await make(store, ADA, OURS_OF_ADA, BudgetChange("key", b"other"))
    assert refused.value.reason == "IDEMPOTENCY_KEY_REUSED"
    assert await names(store, ADA) == ["My month"]


async def test_a_budget_is_of_what_its_maker_may_see(store: Backend) -> None:
    with pytest.raises(NotYourCosts) as refused:
        await make(store, ADA, OURS)
    assert refused.value.metadata == {"user": "ada"}
    with pytest.raises(NotYourCosts):
        await make(store, ADA, replace(OWN, filter=CostFilter(plan="kube-dc/dev")))
    await make(store, ADA, OWN)
    await make(store, BOSS, OURS)
    await make(store, ROOT, replace(OWN, display_name="All of it", filter=CostFilter(plan="x/y")))
    assert await names(store, ADA) == ["My month"]
    assert await names(store, BOSS) == ["Ours"]
    assert await names(store, ROOT) == ["My month", "Ours", "All of it"]


async def test_what_somebody_may_not_see_is_not_there(store: Backend) -> None:
    ours = await make(store, BOSS, OURS)
    change = replace(NEW, name=ours.name)
    with pytest.raises(UnknownBudget):
        await usecases.get_budget(store.tx, ADA, ours.name)
    with pytest.raises(UnknownBudget):
        await usecases.update_budget(store.tx, ADA, change, OWN, ALL_WAYS)
    with pytest.raises(UnknownBudget):
        await usecases.delete_budget(store.tx, ADA, change)
    with pytest.raises(UnknownBudget):
        await usecases.list_alerts(store.tx, ADA, ours.name, 0, "")


async def test_a_change_names_the_state_that_it_changes(store: Backend) -> None:
    made = await make(store, ADA, OWN)
    wish = replace(OWN, display_name="Renamed", minor_units=5)
    change = BudgetChange("k", b"h", made.name, made.etag)
    changed = await usecases.update_budget(store.tx, ADA, change, wish, ALL_WAYS)
    assert (changed.display_name, changed.etag, changed.amount.minor_units) == ("Renamed", "2", 5)
    assert changed.create_time == made.create_time
    assert await usecases.update_budget(store.tx, ADA, change, wish, ALL_WAYS) == changed
    with pytest.raises(EtagMismatch) as refused:
        await usecases.update_budget(store.tx, ADA, replace(change, request_id=""), wish, ALL_WAYS)
    assert refused.value.metadata["etag"] == "2"
    with pytest.raises(EtagMismatch):
        await usecases.delete_budget(store.tx, ADA, replace(NEW, name=made.name, etag="1"))
    await usecases.delete_budget(store.tx, ADA, BudgetChange("d", b"d", made.name, "2"))
    await usecases.delete_budget(store.tx, ADA, BudgetChange("d", b"d", made.name, "2"))
    assert await names(store, ADA) == []
    assert await store.actions() == ["budget.create", "budget.update", "budget.delete"]


async def test_every_bad_field_is_named_at_once(store: Backend) -> None:
    bad = BudgetWish(
        " ",
        CostFilter(),
        "zzz",
        0,
        (Threshold(0, Basis.SPENT), Threshold(5, None), Threshold(0, Basis.SPENT)),
    )
    with pytest.raises(InvalidArgument) as refused:
        await make(store, ROOT, bad)
    assert [one.field for one in refused.value.fields] == [
        "budget.display_name",
        "budget.filter",
        "budget.amount.currency",
        "budget.amount.minor_units",
        "budget.thresholds[0].percent",
        "budget.thresholds[1].basis",
        "budget.thresholds[2].percent",
        "budget.thresholds[2]",
    ]


async def test_budgets_come_page_by_page(store: Backend) -> None:
    for number in range(5):
        await make(store, ADA, replace(OWN, display_name=str(number)))
    shown: list[str] = []
    token = ""
    for _ in range(3):
        page = await usecases.list_budgets(store.tx, ADA, 2, token)
        shown += [budget.display_name for budget in page.items]
        token = page.next_token
    assert (shown, token) == (["0", "1", "2", "3", "4"], "")


async def test_a_passed_threshold_is_told_once_a_month(store: Backend) -> None:
    # 8 cores are 280.32 a month of 730 hours: more than 100 are expected in any month.
    await spend(store, 8)
    made = await make(store, ADA, replace(OWN, thresholds=(Threshold(100, Basis.FORECAST),)))
    (raised,) = await usecases.evaluate_budgets(store.tx)
    assert (raised.budget, raised.month) == (made.name, f"{datetime.now(UTC):%Y-%m}")
    assert raised.found.minor_units > 25_000
    assert await usecases.evaluate_budgets(store.tx) == []
    change = replace(NEW, name=made.name)
    wish = replace(OWN, thresholds=(Threshold(100, Basis.FORECAST), Threshold(90, Basis.FORECAST)))
    await usecases.update_budget(store.tx, ADA, change, wish, ALL_WAYS)
    (again,) = await usecases.evaluate_budgets(store.tx)
    assert again.threshold.percent == 90
    assert (await store.actions()).count("budget.alert") == 2


async def test_what_others_spend_or_another_currency_raises_nothing(store: Backend) -> None:
    await spend(store, 8, user="uma")
    await make(store, ADA, OWN)
    await spend(store, 8)
    await make(store, ADA, replace(OWN, currency="eur"))
    found = {alert.amount.currency for alert in await usecases.evaluate_budgets(store.tx)}
    assert found == {"usd"}


async def test_one_replica_evaluates_at_a_time(store: Backend) -> None:
    await spend(store, 8)
    await make(store, ADA, OWN)
    async with store.evaluating():
        assert await usecases.evaluate_budgets(store.tx) == []
    assert await usecases.evaluate_budgets(store.tx) != []


async def test_alerts_outlive_their_budget_and_come_newest_first(store: Backend) -> None:
    await spend(store, 8)
    wish = replace(
        OWN, thresholds=tuple(Threshold(percent, Basis.FORECAST) for percent in (1, 2, 3))
    )
    made = await make(store, ADA, wish)
    await usecases.evaluate_budgets(store.tx)
    await usecases.delete_budget(store.tx, ADA, replace(NEW, name=made.name))
    first = await usecases.list_alerts(store.tx, ADA, made.name, 2, "")
    rest = await usecases.list_alerts(store.tx, ADA, made.name, 2, first.next_token)
    shown = [told.alert.threshold.percent for told in (*first.items, *rest.items)]
    assert (shown, rest.next_token) == ([3, 2, 1], "")
    assert len((await usecases.list_alerts(store.tx, ROOT, "", 0, "")).items) == 3
    assert (await usecases.list_alerts(store.tx, BOSS, "", 0, "")).items == []


async def test_more_budgets_than_a_page_are_all_evaluated(store: Backend) -> None:
    await spend(store, 8)
    wish = replace(OWN, thresholds=(Threshold(1, Basis.FORECAST),))
    for _ in range(101):
        await make(store, ADA, wish)
    assert len(await usecases.evaluate_budgets(store.tx)) == 101


TOLD = replace(
    OWN,
    thresholds=(Threshold(100, Basis.FORECAST),),
    emails=("ada@acme.example",),
    webhook_url=HOOK,
)


class Post:
    """Takes what is sent, or fails as the test says."""

    channel = Channel.MAIL

    def __init__(self, *failures: NotDelivered) -> None:
        self.sent: list[Delivery] = []
        self.failures = list(failures)

    async def send(self, delivery: Delivery) -> None:
        self.sent.append(delivery)
        if self.failures:
            raise self.failures.pop(0)


async def raised(store: Backend) -> dict[Channel, Delivery]:
    """Let Ada's budget raise an alert; return what is to be told."""
    await spend(store, 8)
    await make(store, ADA, TOLD)
    assert len(await usecases.evaluate_budgets(store.tx)) == 1
    return await deliveries(store)


async def deliveries(store: Backend) -> dict[Channel, Delivery]:
    (told,) = (await usecases.list_alerts(store.tx, ADA, "", 0, "")).items
    return {one.channel: one for one in told.deliveries}


async def test_an_alert_is_to_be_told_to_each_target_once(store: Backend) -> None:
    found = await raised(store)
    assert {channel: one.target for channel, one in found.items()} == {
        Channel.MAIL: "ada@acme.example",
        Channel.WEBHOOK: HOOK,
    }
    assert {(one.state, one.attempts) for one in found.values()} == {(DeliveryState.PENDING, 0)}
    assert sorted(await store.queued()) == sorted(one.name for one in found.values())
    assert await usecases.evaluate_budgets(store.tx) == []
    assert await deliveries(store) == found


async def test_what_is_taken_is_told_once_and_what_fails_is_tried_again(store: Backend) -> None:
    name = (await raised(store))[Channel.MAIL].name
    post = Post(NotDelivered("busy"), NotDelivered("busy still"))
    for number, after in enumerate((*RETRY_AFTER[:2], None), 1):
        tried, again = await usecases.deliver(store.tx, [post], name)
        assert tried is not None
        assert (tried.attempts, again) == (number, after)
    assert await usecases.deliver(store.tx, [post], name) == (None, None)
    told = (await deliveries(store))[Channel.MAIL]
    assert (told.state, told.attempts, told.last_error) == (DeliveryState.DELIVERED, 3, "")
    assert len({(one.name, one.subject, one.body) for one in post.sent}) == 1
    assert len(post.sent) == 3


async def test_what_is_refused_for_good_or_too_often_is_given_up(store: Backend) -> None:
    found = await raised(store)
    post = Post(NotDelivered("nobody of that name", for_good=True))
    tried, again = await usecases.deliver(store.tx, [post], found[Channel.MAIL].name)
    assert tried is not None
    assert (tried.state, again) == (DeliveryState.GIVEN_UP, None)
    for _ in range(len(RETRY_AFTER)):
        # Webhooks were turned off since.
        _, again = await usecases.deliver(store.tx, [post], found[Channel.WEBHOOK].name)
        assert again is not None
    assert await usecases.deliver(store.tx, [post], found[Channel.WEBHOOK].name) != (None, None)
    told = (await deliveries(store))[Channel.WEBHOOK]
    assert (told.state, told.last_error) == (DeliveryState.GIVEN_UP, "webhooks are off")
    assert told.attempts == len(RETRY_AFTER) + 1
    assert await usecases.deliver(store.tx, [post], "adl_none") == (None, None)


async def test_who_is_told_is_kept_with_the_budget(store: Backend) -> None:
    made = await make(store, ADA, TOLD)
    assert (made.emails, made.webhook_url) == (TOLD.emails, HOOK)
    assert await usecases.get_budget(store.tx, ADA, made.name) == made
    secret = await usecases.webhook_secret(store.tx, ADA, ALL_WAYS, made.name)
    assert secret.startswith("whsec_")
    assert secret == await usecases.webhook_secret(store.tx, ROOT, ALL_WAYS, made.name)
    other = await make(store, ADA, OWN)
    with pytest.raises(NoWebhook):
        await usecases.webhook_secret(store.tx, ADA, ALL_WAYS, other.name)
    with pytest.raises(UnknownBudget):
        await usecases.webhook_secret(store.tx, BOSS, ALL_WAYS, made.name)


async def test_only_who_answers_for_others_has_them_written_to(store: Backend) -> None:
    strangers = ("uma@acme.example", "zoe@other.example")
    with pytest.raises(InvalidArgument) as refused:
        await make(store, ADA, replace(OWN, emails=strangers))
    assert [one.field for one in refused.value.fields] == ["budget.emails[0]", "budget.emails[1]"]
    await make(store, ADA, replace(OWN, emails=("ADA@acme.example",)))
    await make(store, BOSS, replace(OURS, emails=strangers))
    await make(store, ROOT, replace(OWN, emails=strangers))
    with pytest.raises(InvalidArgument):
        await make(store, BOSS, replace(OWN, filter=CostFilter(user="bea"), emails=strangers))
