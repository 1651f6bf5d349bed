"""Refusals of payments, each with the reason that programs rely on."""

from services.chassis.errors import (
    DataLoss,
    FailedPrecondition,
    NotFound,
    ResourceExhausted,
    Unavailable,
)


class TooManyBytes(ResourceExhausted):
    """Too many bytes of webhooks are being stored at once; the sender tries again."""

    reason = "TOO_MANY_BYTES_IN_FLIGHT"


class UnknownEvent(NotFound):
    """No event by this name was ever stored."""

    reason = "UNKNOWN_EVENT"


class ProviderOff(FailedPrecondition):
    """No payment provider is on."""

    reason = "PROVIDER_OFF"


class ProviderUnreachable(Unavailable):
    """The provider did not answer, or asked us to come back later."""

    reason = "PROVIDER_UNREACHABLE"


class KeyRefused(Unavailable):
    """The provider does not accept our key: an operator has to look, nothing is decided by it."""

    reason = "PROVIDER_KEY_REFUSED"


class ObjectOutOfReach(NotFound):
    """The provider does not show an object. It says nothing about whether anybody paid."""

    reason = "OBJECT_NOT_FOUND"


class ObjectForbidden(ObjectOutOfReach):
    """The key may not see an object. It says nothing about whether anybody paid."""

    reason = "OBJECT_FORBIDDEN"


class ObjectUnreadable(DataLoss):
    """The provider's answer is not of the shape that we know; a person has to look."""

    reason = "OBJECT_UNREADABLE"


class BodyUnreadable(DataLoss):
    """A stored body cannot be opened: its key is gone, or it was tampered with."""

    reason = "BODY_UNREADABLE"


class KeyNotVerified(FailedPrecondition):
    """The key was not compared with the pinned account, or belongs to another."""

    reason = "PROVIDER_KEY_NOT_VERIFIED"
