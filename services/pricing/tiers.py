"""Tiers that accounts were given by hand. Values only."""

import json
from dataclasses import dataclass
from datetime import datetime

from services.chassis.errors import Violations

LONGEST_NAME = 255
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class HeldTier:
    """The tier of an account, and since when; an empty one is none."""

    account: str
    tier: str
    update_time: datetime

    def to_answer(self) -> str:
        """Write what a replay is answered with."""
        return json.dumps([self.account, self.tier, self.update_time.isoformat()])

    @classmethod
    def of_answer(cls, text: str) -> "HeldTier":
        """Read back what ``to_answer`` wrote."""
        account, tier, time = json.loads(text)
        return cls(account, tier, datetime.fromisoformat(time))


@dataclass(frozen=True, slots=True)
class Standing:
    """What an account's price depends on beside the rate card, at a time of the database."""

    tier: str
    now: datetime


@dataclass(frozen=True, slots=True)
class TierRequest:
    """What an account is to be given. ``request_hash`` is a digest of all but ``request_id``."""

    account: str
    tier: str
    reason: str
    request_id: str = ""
    request_hash: bytes = b""

    def check(self, bad: Violations) -> None:
        """Add what is wrong whatever the rate card says."""
        if not 1 <= len(self.account) <= LONGEST_NAME:
            bad.add("account", f"expected 1 to {LONGEST_NAME} characters")
        if not 1 <= len(self.reason) <= LONGEST_REASON:
            bad.add("reason", f"expected 1 to {LONGEST_REASON} characters")
        if len(self.request_id) > LONGEST_NAME:
            bad.add("request_id", f"expected at most {LONGEST_NAME} characters")
