"""Plans that are drawn from a seed."""

from collections import Counter

import pytest

from tests.chaos.drawing import draw
from tests.chaos.plan import VICTIMS, Blow, Channel, Outcome, Standing


def test_a_seed_repeats_its_plan() -> None:
    assert draw(7, 300) == draw(7, 300)
    assert draw(7, 300) != draw(8, 300)


@pytest.mark.parametrize("payments", [1, 12, 30, 300])
def test_there_are_as_many_purchases_as_asked_for_each_with_a_number_of_its_own(
    payments: int,
) -> None:
    plan = draw(3, payments)
    assert [purchase.number for purchase in plan.purchases] == list(range(1, payments + 1))
    assert all(purchase.opens < plan.seconds for purchase in plan.purchases)


@pytest.mark.parametrize("seed", range(5))
def test_everything_is_killed_and_the_database_restarted_and_paused_in_each_run(seed: int) -> None:
    plan = draw(seed, 30)
    assert {strike.target for strike in plan.strikes_of(Blow.KILL)} == set(VICTIMS)
    modes = {strike.details["mode"] for strike in plan.strikes_of(Blow.RESTART)}
    assert modes == {"fast", "immediate"}
    assert all(0 < strike.seconds <= 4 for strike in plan.strikes_of(Blow.PAUSE))
    assert len(plan.strikes_of(Blow.PAUSE)) == 1


def test_strikes_come_in_the_order_of_their_times_and_within_the_storm() -> None:
    plan = draw(5, 300)
    times = [strike.at for strike in plan.strikes]
    assert times == sorted(times)
    assert times[-1] <= plan.seconds


def test_the_cluster_answers_every_status_and_only_to_the_provisioner() -> None:
    faults = draw(5, 300).strikes_of(Blow.CLUSTER_FAULT)
    assert {fault.details["status"] for fault in faults} == {0, 409, 429, 500}
    assert {fault.details["user"] for fault in faults} == {
        "system:serviceaccount:tollgate:tollgate-provisioner"
    }


@pytest.mark.parametrize("seed", range(10))
def test_no_more_refunds_and_deletions_are_planned_than_the_product_does_by_itself(
    seed: int,
) -> None:
    outcomes = Counter(purchase.outcome for purchase in draw(seed, 300).purchases)
    assert 1 <= outcomes[Outcome.TWICE] <= 5
    assert 1 <= outcomes[Outcome.ENDED] + outcomes[Outcome.RETURNED] <= 5


def test_what_happens_later_is_drawn_for_those_only_to_whom_it_happens() -> None:
    for purchase in draw(2, 300).purchases:
        organization = purchase.channel is Channel.GATEWAY
        assert purchase.plan.startswith("kube-dc/") is organization
        if purchase.withheld:
            assert purchase.standing is Standing.RUNNING
        if purchase.outcome is Outcome.CHANGED:
            assert organization
            assert purchase.later != purchase.plan
            assert purchase.final_plan == purchase.later
