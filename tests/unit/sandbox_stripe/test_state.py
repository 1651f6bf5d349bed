"""What is kept, what is undone and what time does to it."""

from pathlib import Path

import pytest

from deploy.sandbox.stripe.context import Account, WebhookTarget, World
from deploy.sandbox.stripe.errors import StripeError
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.idempotency import Answer, remember, replay
from deploy.sandbox.stripe.journal import Change, Journal
from deploy.sandbox.stripe.resources.webhook_endpoints import configure
from deploy.sandbox.stripe.state import COMPACT_BEYOND, Store

DAY = 86400


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: float) -> None:
        self.now = now

    def time(self) -> float:
        return self.now


def opened(folder: Path) -> Store:
    store = Store(Journal(folder))
    store.load()
    return store


def world(store: Store | None = None) -> tuple[World, HandClock]:
    clock = HandClock(1_800_000_000.0)
    account = Account("acct_1", "sk_test_1", url="http://localhost")
    return World(store or Store(), account, clock), clock


def test_what_is_rolled_back_never_was(tmp_path: Path) -> None:
    store = opened(tmp_path)
    here, _ = world(store)
    kept = here.begin()
    kept.tx.save("customer", {"id": "c1", "email": "a"})
    kept.tx.commit()
    undone = here.begin()
    undone.tx.save("customer", {"id": "c1", "email": "b"})
    undone.tx.save("customer", {"id": "c2", "email": "a"})
    undone.tx.discard("customer", "c1")
    undone.tx.rollback()
    assert here.begin().tx.get("customer", "c1") == {"id": "c1", "email": "a"}
    assert here.begin().tx.get("customer", "c2") is None
    assert here.begin().tx.where("customer", "email", "a") == [{"id": "c1", "email": "a"}]
    store.close()
    again = opened(tmp_path)
    assert list(again.shelf("customer").objects) == ["c1"]
    again.close()


def test_a_copy_that_was_read_changes_nothing() -> None:
    here, _ = world()
    context = here.begin()
    context.tx.save("customer", {"id": "c1", "metadata": {"a": "1"}})
    mine = context.tx.get("customer", "c1")
    assert mine is not None
    mine["metadata"]["a"] = "2"
    assert context.tx.get("customer", "c1") == {"id": "c1", "metadata": {"a": "1"}}


def test_a_journal_that_cannot_be_written_undoes_the_call(tmp_path: Path) -> None:
    class Full(Journal):
        def append(self, change: Change) -> None:
            raise OSError("no space left")

    here, _ = world(Store(Full(tmp_path)))
    context = here.begin()
    context.tx.save("customer", {"id": "c1"})
    with pytest.raises(OSError, match="no space"):
        context.tx.commit()
    assert here.begin().tx.get("customer", "c1") is None


def test_a_journal_of_mostly_history_is_rewritten_and_says_the_same(tmp_path: Path) -> None:
    store = opened(tmp_path)
    here, _ = world(store)
    for at in range(COMPACT_BEYOND + 10):
        context = here.begin()
        context.tx.save("customer", {"id": f"c{at % 3}", "at": at})
        context.tx.commit()
    before = dict(store.shelf("customer").objects)
    store.close()
    size = (tmp_path / "journal.jsonl").stat().st_size
    again = opened(tmp_path)
    assert again.shelf("customer").objects == before
    assert (tmp_path / "journal.jsonl").stat().st_size < size / 100
    context = world(again)[0].begin()
    context.tx.save("customer", {"id": "c9"})
    context.tx.commit()
    again.close()
    third = opened(tmp_path)
    assert [*third.shelf("customer").objects] == [*before, "c9"]
    third.close()


def test_an_answer_is_replayed_for_a_day_and_then_forgotten() -> None:
    here, clock = world()
    context = here.begin()
    remember(context, "key", "mark", Answer(200, b"{}", "req_1"))
    context.tx.commit()
    clock.now += DAY - 1
    assert replay(here.begin(), "key", "mark") == Answer(200, b"{}", "req_1")
    with pytest.raises(StripeError, match="same parameters"):
        replay(here.begin(), "key", "other mark")
    clock.now += 1
    assert replay(here.begin(), "key", "other mark") is None


@pytest.mark.parametrize(("status", "kept"), [(200, True), (402, True), (500, True), (400, False)])
def test_declines_and_server_errors_are_kept_and_refusals_are_not(status: int, kept: bool) -> None:
    here, _ = world()
    context = here.begin()
    remember(context, "key", "mark", Answer(status, b"{}", "req_1"))
    assert (replay(context, "key", "mark") is not None) == kept


def test_an_event_is_a_snapshot_for_the_endpoints_that_take_it() -> None:
    here, _ = world()
    context = here.begin("req_1", "key-1")
    for name, kinds in (("all", ["*"]), ("some", ["customer.created"]), ("none", ["a.b"])):
        endpoint = {"id": name, "status": "enabled", "enabled_events": kinds}
        context.tx.save("webhook_endpoint", endpoint)
    customer = {"id": "c1", "name": "A"}
    emit(context, "customer.created", customer)
    customer["name"] = "B"
    event = next(context.tx.newest("event"))
    assert event["data"]["object"]["name"] == "A"
    assert event["request"] == {"id": "req_1", "idempotency_key": "key-1"}
    assert event["pending_webhooks"] == 2
    group = context.tx.get("delivery", event["id"])
    assert group is not None
    assert [plan["endpoint"] for plan in group["plans"]] == ["all", "some"]


def test_an_endpoint_of_the_command_line_hears_of_the_kinds_that_it_asks_for() -> None:
    here, _ = world()
    context = here.begin()

    def heard(kind: str) -> int:
        emit(context, kind, {"id": "c1"})
        pending: int = next(context.tx.newest("event"))["pending_webhooks"]
        return pending

    configure(context, (WebhookTarget("http://shop/hook", ("whsec_1",)),))
    assert heard("customer.created") == 1
    asking = WebhookTarget("http://shop/hook", ("whsec_1",), ("invoice.paid",))
    configure(context, (asking,))
    assert (heard("customer.created"), heard("invoice.paid")) == (0, 1)
