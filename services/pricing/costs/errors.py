"""Refusals about costs and budgets."""

from services.chassis.errors import (
    Aborted,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)


class NotYourCosts(PermissionDenied):
    """The filter is wider than what the caller may see."""

    reason = "NOT_YOURS"


class ReportTooLarge(InvalidArgument):
    """The report has more lines than an answer holds."""

    reason = "REPORT_TOO_LARGE"


class UnknownBudget(NotFound):
    """There is no such budget, or it is somebody else's."""

    reason = "UNKNOWN_BUDGET"


class NoWebhook(FailedPrecondition):
    """The budget names no webhook, or webhooks are off here."""

    reason = "NO_WEBHOOK"


class EtagMismatch(Aborted):
    """The budget was changed since it was read."""

    reason = "ETAG_MISMATCH"
