"""The state table: what a provider says and what was paid → where a subscription stands.

A status is never evidence of money: what was never paid stays INCOMPLETE whatever the status says,
except a trial (the status itself says that nothing is owed yet) and an offer that costs nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from services.subscription.domain import Assignment, Ending, Phase, State, Subscription
from services.subscription.incoming import ProviderStatus, ProviderSubscription
from services.subscription.offers import EndPolicy, Offer


class Flag(StrEnum):
    """What a snapshot adds to its status; a pause outweighs a coming end."""

    PLAIN = "PLAIN"
    ENDS = "ENDS"
    PAUSED = "PAUSED"


def _row(plain: State, ends: State, paused: State) -> Mapping[Flag, State]:
    return MappingProxyType({Flag.PLAIN: plain, Flag.ENDS: ends, Flag.PAUSED: paused})


def _always(state: State) -> Mapping[Flag, State]:
    return _row(state, state, state)


STATES: Mapping[ProviderStatus, Mapping[Flag, State]] = MappingProxyType(
    {
        ProviderStatus.INCOMPLETE: _always(State.INCOMPLETE),
        ProviderStatus.INCOMPLETE_EXPIRED: _always(State.EXPIRED),
        ProviderStatus.TRIALING: _row(State.TRIALING, State.CANCELING, State.PAUSED),
        ProviderStatus.ACTIVE: _row(State.ACTIVE, State.CANCELING, State.PAUSED),
        ProviderStatus.PAST_DUE: _row(State.PAST_DUE, State.PAST_DUE, State.PAUSED),
        ProviderStatus.UNPAID: _always(State.SUSPENDED),
        ProviderStatus.PAUSED: _always(State.PAUSED),
        ProviderStatus.CANCELED: _always(State.CANCELED),
    }
)
"""Provider status × flag → state of a subscription that began."""

PHASES: Mapping[State, Phase | None] = MappingProxyType(
    {
        State.INCOMPLETE: None,
        State.TRIALING: Phase.RUNNING,
        State.ACTIVE: Phase.RUNNING,
        State.PAST_DUE: Phase.RUNNING,
        State.CANCELING: Phase.RUNNING,
        State.SUSPENDED: Phase.SUSPENDED,
        State.PAUSED: Phase.SUSPENDED,
        State.CANCELED: Phase.SUSPENDED,
        State.EXPIRED: Phase.SUSPENDED,
    }
)
"""State → what is ordered for it; None orders nothing."""

RUNNING = frozenset(state for state, phase in PHASES.items() if phase is Phase.RUNNING)

_BEGUN = frozenset(State) - {State.INCOMPLETE}

TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    dict.fromkeys(_BEGUN, _BEGUN)
    # Given up before it began: a newer snapshot may say that it waits again after all.
    | {State.INCOMPLETE: frozenset(State), State.EXPIRED: frozenset(State)}
)
"""Where a state may lead. Snapshots may be skipped, so one that began may go to any other; it never
waits for its first payment again."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a subscription stands.

    ``phase`` is what is ordered for it. ``ending`` says which end policy governs, and ``timed``
    that it ends a grace of the offer's retention time.
    """

    state: State
    phase: Phase | None
    ending: Ending = Ending.NONE
    timed: bool = False


def flag_of(seen: ProviderSubscription) -> Flag:
    """Return the one flag of a snapshot that counts."""
    if seen.collection_paused:
        return Flag.PAUSED
    return Flag.ENDS if seen.cancel_at_period_end else Flag.PLAIN


def may_become(before: State, after: State) -> bool:
    """Tell whether a subscription may go from one state to the other."""
    return after in TRANSITIONS[before]


def begins(seen: ProviderSubscription | None, offer: Offer, *, paid: bool) -> bool:
    """Tell whether a subscription is, or was, in force: by money, by a trial, or for free."""
    if paid or seen is None:
        return paid
    if seen.status is ProviderStatus.TRIALING:
        return True
    return offer.free and STATES[seen.status][flag_of(seen)] in RUNNING


def state_of(seen: ProviderSubscription | None, *, begun: bool) -> State:
    """Return the state by the table, before any end policy."""
    if seen is None:
        return State.ACTIVE if begun else State.INCOMPLETE
    state = STATES[seen.status][flag_of(seen)]
    if begun:
        # The snapshot is older than the payment, which cannot change any more.
        return State.ACTIVE if state is State.INCOMPLETE else state
    # Never begun: over, or still waiting for the first payment.
    return State.EXPIRED if state in (State.CANCELED, State.EXPIRED) else State.INCOMPLETE


def assigned_state(assignment: Assignment) -> State:
    """Return the state of what was given by hand, before any end policy."""
    if assignment.over:
        return State.CANCELED
    return State.ACTIVE if assignment.end_time is None else State.CANCELING


def standing_of(state: State, offer: Offer, *, over: bool) -> Standing:
    """Apply the plan's end policies to a begun subscription.

    ``over`` says that the grace of the ending that governs now has run out. Deletion follows only
    from ``on_end: DELETE``; what is merely unpaid is kept.
    """
    if state is State.SUSPENDED:
        timed = offer.on_unpaid is not EndPolicy.FREE
        shown = State.CANCELED if timed and over else state
        return Standing(shown, Phase.SUSPENDED, Ending.UNPAID, timed)
    if state in (State.CANCELED, State.EXPIRED):
        return _ended(state, offer, over=over)
    return Standing(state, PHASES[state])


def _ended(state: State, offer: Offer, *, over: bool) -> Standing:
    match offer.on_end:
        case EndPolicy.FREE:
            return Standing(state, Phase.SUSPENDED, Ending.ENDED)
        case EndPolicy.SUSPEND_THEN_CANCEL:
            shown = state if over else State.SUSPENDED
            return Standing(shown, Phase.SUSPENDED, Ending.ENDED, timed=True)
        case EndPolicy.DELETE:
            phase = Phase.DELETED if over else Phase.SUSPENDED
            return Standing(state, phase, Ending.ENDED, timed=True)


def phase_of(subscription: Subscription) -> Phase | None:
    """Return what is ordered for a subscription on its own."""
    deletes = subscription.offer.on_end is EndPolicy.DELETE
    if subscription.ending is Ending.ENDED and subscription.over and deletes:
        return Phase.DELETED
    return PHASES[subscription.state]
