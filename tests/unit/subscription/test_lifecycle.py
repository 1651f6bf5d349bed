from datetime import timedelta
from itertools import product

import pytest

from services.subscription.domain import Ending, Phase, State
from services.subscription.incoming import ProviderStatus
from services.subscription.lifecycle import (
    PHASES,
    RUNNING,
    STATES,
    TRANSITIONS,
    Flag,
    begins,
    flag_of,
    may_become,
    standing_of,
    state_of,
)
from services.subscription.offers import EndPolicy, Offer
from tests.fakes.subscription_world import namespace, seen


def offer(
    on_unpaid: EndPolicy = EndPolicy.SUSPEND_THEN_CANCEL,
    on_end: EndPolicy = EndPolicy.DELETE,
    *,
    free: bool = False,
) -> Offer:
    week = timedelta(days=7)
    return Offer("shop/basic", "v1", (), namespace(1), on_unpaid, on_end, week, free=free)


def test_the_table_answers_for_every_status_and_flag() -> None:
    assert set(STATES) == set(ProviderStatus)
    assert all(set(row) == set(Flag) for row in STATES.values())
    assert set(PHASES) == set(State)
    assert set(TRANSITIONS) == set(State)


def test_what_runs_is_exactly_what_the_design_says() -> None:
    assert {State.TRIALING, State.ACTIVE, State.PAST_DUE, State.CANCELING} == RUNNING


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (ProviderStatus.ACTIVE, State.ACTIVE),
        (ProviderStatus.TRIALING, State.TRIALING),
        (ProviderStatus.PAST_DUE, State.PAST_DUE),
        (ProviderStatus.UNPAID, State.SUSPENDED),
        (ProviderStatus.PAUSED, State.PAUSED),
        (ProviderStatus.CANCELED, State.CANCELED),
        (ProviderStatus.INCOMPLETE_EXPIRED, State.EXPIRED),
        # The snapshot was taken before the payment, which cannot change any more.
        (ProviderStatus.INCOMPLETE, State.ACTIVE),
    ],
)
def test_a_begun_subscription_stands_where_its_provider_says(
    status: ProviderStatus, state: State
) -> None:
    assert state_of(seen(status=status), begun=True) is state


@pytest.mark.parametrize("status", list(ProviderStatus))
def test_no_status_is_evidence_of_money(status: ProviderStatus) -> None:
    snapshot = seen(status=status)
    if begins(snapshot, offer(), paid=False):
        assert status is ProviderStatus.TRIALING
    else:
        assert state_of(snapshot, begun=False) not in RUNNING


def test_a_free_offer_needs_no_payment_and_still_a_running_status() -> None:
    assert begins(seen(), offer(free=True), paid=False)
    assert not begins(seen(status=ProviderStatus.UNPAID), offer(free=True), paid=False)
    assert not begins(None, offer(free=True), paid=False)


def test_a_pause_of_the_collection_outweighs_a_coming_end() -> None:
    assert flag_of(seen(paused=True, ends=True)) is Flag.PAUSED
    assert state_of(seen(paused=True), begun=True) is State.PAUSED
    assert state_of(seen(ends=True), begun=True) is State.CANCELING


def test_a_missing_payment_that_is_still_tried_changes_nothing() -> None:
    state = state_of(seen(status=ProviderStatus.PAST_DUE), begun=True)
    assert standing_of(state, offer(), over=False).phase is Phase.RUNNING


@pytest.mark.parametrize(
    ("policy", "over", "state", "phase"),
    [
        (EndPolicy.FREE, False, State.CANCELED, Phase.SUSPENDED),
        (EndPolicy.SUSPEND_THEN_CANCEL, False, State.SUSPENDED, Phase.SUSPENDED),
        (EndPolicy.SUSPEND_THEN_CANCEL, True, State.CANCELED, Phase.SUSPENDED),
        (EndPolicy.DELETE, False, State.CANCELED, Phase.SUSPENDED),
        (EndPolicy.DELETE, True, State.CANCELED, Phase.DELETED),
    ],
)
def test_the_end_is_the_policy_of_the_plan(
    policy: EndPolicy, over: bool, state: State, phase: Phase
) -> None:
    standing = standing_of(State.CANCELED, offer(on_end=policy), over=over)
    assert (standing.state, standing.phase, standing.ending) == (state, phase, Ending.ENDED)


@pytest.mark.parametrize("policy", list(EndPolicy))
def test_what_is_merely_unpaid_is_never_deleted(policy: EndPolicy) -> None:
    unpaid = offer(on_unpaid=policy)
    for over in (False, True):
        assert standing_of(State.SUSPENDED, unpaid, over=over).phase is Phase.SUSPENDED


def test_only_an_ended_subscription_of_a_deleting_plan_whose_time_is_over_is_deleted() -> None:
    every = product(State, EndPolicy, EndPolicy, (False, True))
    for state, on_unpaid, on_end, over in every:
        deleted = standing_of(state, offer(on_unpaid, on_end), over=over).phase is Phase.DELETED
        ended = state in (State.CANCELED, State.EXPIRED)
        assert deleted == (ended and over and on_end is EndPolicy.DELETE)


def test_a_subscription_that_began_never_waits_for_its_first_payment_again() -> None:
    for state in RUNNING | {State.SUSPENDED, State.PAUSED, State.CANCELED}:
        assert not may_become(state, State.INCOMPLETE)
        assert may_become(State.INCOMPLETE, state)
