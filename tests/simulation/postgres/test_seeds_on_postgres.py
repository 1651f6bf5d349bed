"""The seeds' worlds on the services' real stores: what a transaction is there, it is here."""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from deploy.sandbox.postgres.server import PostgresServer
from tests.simulation.__main__ import main
from tests.simulation.postgres import server
from tests.simulation.postgres.plants import (
    SlowLedger,
    TwiceAtOnce,
    numbers_before_it_waits,
    passes_by_what_is_being_stored,
    reader,
    spends_at_once,
    spends_what_it_saw,
    twice_at_once,
)
from tests.simulation.postgres.stores import PgStores, Shelf, shelf
from tests.simulation.world import Outcome, Settings, World

PAYMENTS = 2
pytestmark = pytest.mark.timeout(300)
DATABASE = ("crashes", "lost commits", "lost connections", "slow statements")


@pytest.fixture(scope="module")
def worlds(postgres: PostgresServer) -> Iterator[Shelf]:
    with shelf(postgres) as made:
        yield made


def play(stores: PgStores, seed: int, *faults: str) -> Outcome:
    with reader() as somebody:
        outcome = World(seed, Settings(payments=PAYMENTS, faults=faults), stores).run()
    named = f'--faults "{",".join(faults) or "none"}"'
    again = f"--stores postgres --seed {seed} --payments {PAYMENTS} {named} --trace"
    assert not [*outcome.violations, *somebody.missed], "\n".join(
        [*outcome.violations, *somebody.missed, again]
    )
    assert outcome.counts["payments"] >= PAYMENTS
    return outcome


def test_money_and_capacity_stay_true_while_nothing_goes_wrong(worlds: Shelf) -> None:
    with worlds.stores() as stores:
        play(stores, 1)
        assert stores.exchange.lock_waits, "some transactions wait for each other"


def test_money_and_capacity_stay_true_while_the_database_fails(worlds: Shelf) -> None:
    with worlds.stores() as stores:
        play(stores, 2, *DATABASE)


def test_who_reads_the_ledger_on_from_the_last_number_misses_nothing(worlds: Shelf) -> None:
    with worlds.stores() as stores, spends_at_once():
        play(stores, 5, SlowLedger.name)


def test_what_is_acknowledged_is_stored_though_it_comes_twice_at_once(worlds: Shelf) -> None:
    with worlds.stores() as stores, twice_at_once():
        play(stores, 3, TwiceAtOnce.name)


def test_the_command_knows_the_faults_that_no_world_draws(
    worlds: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "temporary_shelf", lambda: nullcontext(worlds))
    named = [TwiceAtOnce.name, SlowLedger.name]
    asked = ["--stores", "postgres", "--seed", "3", "--payments", "1", "--trace"]
    assert main([*asked, "--faults", ",".join(named)]) == 0
    said = capsys.readouterr().out
    assert all(f"fault: {name}" in said for name in named)
    assert main(["--stores", "postgres", "--faults", "list"]) == 0
    assert set(named) < set(capsys.readouterr().out.splitlines())


def test_an_event_that_is_called_a_duplicate_before_it_is_committed_is_found(
    worlds: Shelf,
) -> None:
    told: list[str] = []
    for seed in (2, 6, 7, 9, 3, 4, 5, 8):
        with worlds.stores() as stores, twice_at_once(), passes_by_what_is_being_stored():
            settings = Settings(payments=3, faults=(TwiceAtOnce.name,))
            told += World(seed, settings, stores).run().violations
        if any(violation.startswith("acknowledged is stored") for violation in told):
            return
    pytest.fail(f"not found; what was found: {told}")


def test_a_number_that_is_drawn_before_the_lock_is_missed_by_who_reads_on_from_the_last(
    worlds: Shelf,
) -> None:
    for seed in (5, 1, 7, 2, 3, 4, 6, 8):
        with (
            worlds.stores() as stores,
            spends_at_once(),
            numbers_before_it_waits(),
            reader() as somebody,
        ):
            settings = Settings(payments=4, faults=(SlowLedger.name,))
            World(seed, settings, stores).run()
        if somebody.missed:
            return
    pytest.fail("nobody missed anything")


def test_a_debit_that_reckons_with_what_it_saw_before_it_waited_is_found(worlds: Shelf) -> None:
    told: list[str] = []
    for seed in (4, 2, 5, 6):
        with worlds.stores() as stores, spends_what_it_saw():
            settings = Settings(payments=6, faults=("slow statements",))
            told += World(seed, settings, stores).run().violations
        if any(violation.startswith("the ledger adds up") for violation in told):
            return
    pytest.fail(f"not found; what was found: {told}")
