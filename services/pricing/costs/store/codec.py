"""How what is kept whole is kept: bytes of messages, which this room does not know."""

from collections.abc import Callable
from dataclasses import dataclass

from services.pricing.costs.budgets import Alert, Budget
from services.pricing.costs.domain import Observation


@dataclass(frozen=True, slots=True)
class Codec:
    """Writes and reads values as the bytes of their messages."""

    encode_observation: Callable[[Observation], bytes]
    decode_observation: Callable[[int, bytes], Observation]
    encode_budget: Callable[[Budget], bytes]
    decode_budget: Callable[[bytes], Budget]
    encode_alert: Callable[[Alert], bytes]
    decode_alert: Callable[[bytes], Alert]
