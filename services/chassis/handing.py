"""Facts handed to a relay of the process that wrote them, which then has nothing to look for.

They are written as leased to it, only where nothing older of their key stands, so that each key
stays in order and no other replica sends them too. What is handed over by nobody (the process was
killed, the answer to the commit was lost) is found when the lease has run out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from services.chassis.facts import FactRecord
from services.chassis.relaying import ClaimedFact, topic
from services.chassis.wakeups import Offer, after_commit, hand_after_commit, offered


def offers_to(destinations: Iterable[str]) -> dict[str, Offer | None]:
    """Ask for relays of this process that can be handed facts, one for each row to be written."""
    rows = Counter(destinations)
    return {destination: offered(topic(destination), rows[destination]) for destination in rows}


def tell_after_commit(
    offers: Mapping[str, Offer | None],
    rows: Sequence[tuple[str, FactRecord]],
    leased: dict[tuple[str, str], int],
) -> None:
    """Hand the rows that were written as leased to who offered, and wake who looks for the others.

    ``leased`` has the numbers of those rows by destination and id of the fact.
    """
    handed: dict[str, list[ClaimedFact]] = {}
    for destination, fact in rows:
        seq = leased.pop((destination, fact.id), None)
        if seq is None:
            after_commit(topic(destination))
        else:
            alone = fact if len(fact.destinations) == 1 else _only_to(destination, fact)
            handed.setdefault(destination, []).append(ClaimedFact(seq, 0, 0, alone))
    for destination, claimed in handed.items():
        offer = offers[destination]
        if offer is not None:
            hand_after_commit(offer, claimed)


def _only_to(destination: str, fact: FactRecord) -> FactRecord:
    return replace(fact, destinations=(destination,))
