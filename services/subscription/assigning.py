"""What operators ask with who give plans by hand and take them back."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.chassis.errors import Violations
from services.subscription.offers import AddonQuantity, catalog_of
from services.subscription.purchasing import check_addons, check_text

_STILL_TO_COME = "expected a time that is still to come"


class EndingMode(StrEnum):
    """How an assignment ends, or does not."""

    NOW = "NOW"
    AT_TIME = "AT_TIME"
    RESUME = "RESUME"


@dataclass(frozen=True, slots=True)
class AssignRequest:
    """A plan that is to be given. ``request_hash`` is a digest of all but ``request_id``."""

    account: str
    plan: str
    addons: tuple[AddonQuantity, ...]
    reason: str
    request_id: str
    request_hash: bytes
    end_time: datetime | None = None
    validate_only: bool = False

    def check(self) -> None:
        """Raise InvalidArgument that names every bad field."""
        bad = Violations()
        if not catalog_of(self.plan):
            bad.add("plan", "expected <catalog>/<plan>")
        check_addons(bad, self.addons)
        _check_reason(bad, self.reason)
        check_text(bad, "request_id", self.request_id)
        bad.raise_if_any()


@dataclass(frozen=True, slots=True)
class EndRequest:
    """How an assignment is to end; ``end_time`` with AT_TIME alone."""

    name: str
    mode: EndingMode
    reason: str
    request_id: str
    request_hash: bytes
    end_time: datetime | None = None

    def check(self) -> None:
        """Raise InvalidArgument that names every bad field."""
        bad = Violations()
        if (self.end_time is not None) is not (self.mode is EndingMode.AT_TIME):
            bad.add("end_time", "expected with the mode at a time, and with no other")
        _check_reason(bad, self.reason)
        check_text(bad, "request_id", self.request_id)
        bad.raise_if_any()


def check_to_come(end_time: datetime | None, now: datetime) -> None:
    """Raise InvalidArgument for an end that is past by the database's clock."""
    if end_time is not None and end_time <= now:
        bad = Violations()
        bad.add("end_time", _STILL_TO_COME)
        bad.raise_if_any()


def _check_reason(bad: Violations, reason: str) -> None:
    if not reason.strip():
        bad.add("reason", "expected why, in words")
    check_text(bad, "reason", reason)
