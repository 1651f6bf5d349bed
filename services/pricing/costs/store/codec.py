"""How what is kept whole is kept: bytes of messages, which this room does not know."""

from collections.abc import Callable
from dataclasses import dataclass

from services.chassis.facts import FactRecord
from services.pricing.costs.budgets import Alert, Budget
from services.pricing.costs.domain import Observation
from services.pricing.costs.notices import Notice
from services.pricing.quotes import Quote


@dataclass(frozen=True, slots=True)
class Codec:
    """Writes and reads values as the bytes of their messages.

    The payload of a notice's fact is what is read back with its two revisions.
    """

    encode_observation: Callable[[Observation], bytes]
    decode_observation: Callable[[int, bytes], Observation]
    encode_budget: Callable[[Budget], bytes]
    decode_budget: Callable[[bytes], Budget]
    encode_alert: Callable[[Alert], bytes]
    decode_alert: Callable[[bytes], Alert]
    notice_fact: Callable[[Notice], FactRecord]
    decode_notice: Callable[[int, int, bytes], Notice]
    decode_quote: Callable[[bytes], Quote]
