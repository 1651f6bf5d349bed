"""Refusals of payments, each with the reason that programs rely on."""

from collections.abc import Mapping
from types import MappingProxyType

from services.chassis.errors import (
    Aborted,
    DataLoss,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Refusal,
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


class ProviderFailed(ProviderUnreachable):
    """The provider answered that it failed: what was asked may have been done, or not.

    ``replayed``: the answer belongs to the idempotency key and will never be another.
    """

    def __init__(self, message: str, *, replayed: bool) -> None:
        super().__init__(message)
        self.replayed = replayed


class KeyRefused(Unavailable):
    """The provider does not accept our key: an operator has to look, nothing is decided by it."""

    reason = "PROVIDER_KEY_REFUSED"


class ObjectOutOfReach(NotFound):
    """The provider does not show an object. It says nothing about whether anybody paid."""

    reason = "OBJECT_NOT_FOUND"


class ObjectForbidden(ObjectOutOfReach):
    """The key may not see an object. It says nothing about whether anybody paid."""

    reason = "OBJECT_FORBIDDEN"


class TooManyFetches(Unavailable):
    """So much is fetched at once that the provider would refuse more: ask again a little later."""

    reason = "TOO_MANY_FETCHES"


class Overtaken(Aborted):
    """A later fetch of the same object was faster: what this one saw may be older."""

    reason = "FETCH_OVERTAKEN"


class NotOurs(FailedPrecondition):
    """An object carries a marker of another deployment, or one that no operation proves.

    Metadata: verdict, which of the two.
    """

    reason = "NOT_OURS"


class ObjectUnreadable(DataLoss):
    """The provider's answer is not of the shape that we know; a person has to look."""

    reason = "OBJECT_UNREADABLE"


class BodyUnreadable(DataLoss):
    """A stored body cannot be opened: its key is gone, or it was tampered with."""

    reason = "BODY_UNREADABLE"


class KeyNotVerified(FailedPrecondition):
    """The key belongs to another account or mode than the pinned one."""

    reason = "PROVIDER_KEY_NOT_VERIFIED"


class ProviderRefused(FailedPrecondition):
    """The provider does not do what it was asked for; metadata: its stable word and the field."""

    reason = "PROVIDER_REFUSED"


class PaymentDeclined(FailedPrecondition):
    """The payment was declined; metadata: code, the provider's stable word."""

    reason = "PAYMENT_DECLINED"


class InProgress(Aborted):
    """The same is under way in another call, or takes longer than this one may."""

    reason = "REQUEST_IN_PROGRESS"


class PromotionCodeInvalid(InvalidArgument):
    """The provider knows no such promotion code, or it is no longer valid."""

    reason = "PROMOTION_CODE_INVALID"


class UnknownCheckout(NotFound):
    """No such page was ever made here, or not for this account."""

    reason = "UNKNOWN_CHECKOUT"


class CheckoutCompleted(FailedPrecondition):
    """The account's page was completed a moment ago."""

    reason = "CHECKOUT_COMPLETED"


class CheckoutTooLate(FailedPrecondition):
    """The page could not be made before the time at which it would have been shut."""

    reason = "CHECKOUT_TOO_LATE"


class QuoteMismatch(FailedPrecondition):
    """What the provider would charge is not what was quoted."""

    reason = "QUOTE_MISMATCH"


class NoCustomer(FailedPrecondition):
    """The account has no customer at the provider."""

    reason = "NO_CUSTOMER"


class UnknownSubscription(NotFound):
    """The provider shows no such subscription, or it is another customer's."""

    reason = "UNKNOWN_SUBSCRIPTION"


class SubscriptionOver(FailedPrecondition):
    """The subscription has ended and cannot be changed any more."""

    reason = "SUBSCRIPTION_OVER"


class SubscriptionChanged(Aborted):
    """The subscription is not billed for what a change of it was worked out from."""

    reason = "SUBSCRIPTION_CHANGED"


class NothingToRefund(FailedPrecondition):
    """Nothing was charged, and no subscription stands."""

    reason = "NOTHING_TO_REFUND"


FINAL: Mapping[str, type[Refusal]] = MappingProxyType(
    {
        kind.reason: kind
        for kind in (
            CheckoutCompleted,
            CheckoutTooLate,
            NothingToRefund,
            ObjectForbidden,
            ObjectOutOfReach,
            ObjectUnreadable,
            PaymentDeclined,
            PromotionCodeInvalid,
            ProviderRefused,
            QuoteMismatch,
            SubscriptionChanged,
            SubscriptionOver,
            UnknownCheckout,
            UnknownSubscription,
        )
    }
)
"""Refusals that end an operation, by reason: a replay is given the same one."""
