"""The seeds' worlds on the services' real stores: what a transaction is there, it is here."""

from collections.abc import Iterator

import pytest

from deploy.sandbox.postgres.server import PostgresServer
from tests.simulation.postgres.plants import spends_what_it_saw
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
    outcome = World(seed, Settings(payments=PAYMENTS, faults=faults), stores).run()
    named = f'--faults "{",".join(faults) or "none"}"'
    again = f"--stores postgres --seed {seed} --payments {PAYMENTS} {named} --trace"
    assert not outcome.violations, "\n".join([*outcome.violations, again])
    assert outcome.counts["payments"] >= PAYMENTS
    return outcome


def test_money_and_capacity_stay_true_while_nothing_goes_wrong(worlds: Shelf) -> None:
    with worlds.stores() as stores:
        play(stores, 1)
        assert stores.exchange.lock_waits, "some transactions wait for each other"


def test_money_and_capacity_stay_true_while_the_database_fails(worlds: Shelf) -> None:
    with worlds.stores() as stores:
        play(stores, 2, *DATABASE)


def test_a_debit_that_reckons_with_what_it_saw_before_it_waited_is_found(worlds: Shelf) -> None:
    told: list[str] = []
    for seed in (4, 2, 5, 6):
        with worlds.stores() as stores, spends_what_it_saw():
            settings = Settings(payments=6, faults=("slow statements",))
            told += World(seed, settings, stores).run().violations
        if any(violation.startswith("the ledger adds up") for violation in told):
            return
    pytest.fail(f"not found; what was found: {told}")
