"""The one table from where a subscription stands to each dialect's word for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.ports import State


@dataclass(frozen=True, slots=True)
class Words:
    """Document 001's word, None where it has none: nothing was ever in force; document 000's."""

    billing: str | None
    scaffolder: str


WORDS: Mapping[State, Words] = MappingProxyType(
    {
        State.INCOMPLETE: Words(None, "incomplete"),
        State.TRIALING: Words("trialing", "trialing"),
        State.ACTIVE: Words("active", "active"),
        State.PAST_DUE: Words("past_due", "past_due"),
        State.SUSPENDED: Words("suspended", "suspended"),
        State.PAUSED: Words("suspended", "paused"),
        State.CANCELING: Words("canceling", "canceling"),
        State.CANCELED: Words("canceled", "canceled"),
        State.EXPIRED: Words("canceled", "expired"),
    }
)

IN_FORCE = frozenset({State.TRIALING, State.ACTIVE, State.PAST_DUE, State.CANCELING})
