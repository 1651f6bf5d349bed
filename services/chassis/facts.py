"""A fact as the chassis carries it: the pure twin of ``tollgate.common.v1.Fact``."""

from dataclasses import dataclass
from enum import StrEnum

MAX_FACTS_A_DELIVERY = 256
"""What one Deliver call takes at most."""


@dataclass(frozen=True, slots=True)
class FactRecord:
    """A fact with its payload serialised, on its way from an outbox to a consumer.

    ``revision`` is the revision of the object that a state fact speaks of, from 1; 0 says that
    this is a money fact. Facts of one ``key`` are delivered one after the other. ``destinations``
    are names of services and matter only until the fact is in the outbox.
    """

    id: str
    key: str
    revision: int
    type: str
    payload: bytes
    destinations: tuple[str, ...] = ()
    traceparent: str = ""


class Outcome(StrEnum):
    """What a consumer did with one fact."""

    ACCEPTED = "ACCEPTED"
    RETRY = "RETRY"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A consumer's answer for one fact; ``reason`` is for people, empty when accepted."""

    id: str
    outcome: Outcome
    reason: str = ""
