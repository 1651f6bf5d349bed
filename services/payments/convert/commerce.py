"""Between the contracts and what is sold: pages, changes, ends, refunds."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from services.chassis.errors import Violations
from services.chassis.identity import Principal
from services.chassis.money import EXPONENTS, Money
from services.payments.commerce import (
    AccountPage,
    BilledItem,
    EndMode,
    NewCheckout,
    NewCustomer,
    PageState,
    Refund,
)
from services.payments.convert.values import money, timestamp
from services.payments.domain import AccountId
from services.payments.operations import Asked
from services.payments.views import IDENTITY_KEYS
from tollgate.common.v1 import money_pb2
from tollgate.payments.v1 import payments_pb2
from tollgate.payments.v1 import payments_service_pb2 as pb

MAX_ID = 255
MAX_ITEMS = 20
MAX_QUANTITY = 1_000_000
MAX_TRIAL_DAYS = 730
MAX_TEXT = 500
MAX_URL = 5000
_EXPIRY = "30 minutes to 24 hours from now"
_SINCE = "the time since when money is given back"

_STATES: Mapping[PageState, "payments_pb2.Checkout.State.ValueType"] = {
    PageState.OPEN: payments_pb2.Checkout.STATE_OPEN,
    PageState.COMPLETE: payments_pb2.Checkout.STATE_COMPLETE,
    PageState.EXPIRED: payments_pb2.Checkout.STATE_EXPIRED,
}
_MODES: Mapping["pb.EndSubscriptionRequest.Mode.ValueType", EndMode] = {
    pb.EndSubscriptionRequest.MODE_AT_PERIOD_END: EndMode.AT_PERIOD_END,
    pb.EndSubscriptionRequest.MODE_NOW: EndMode.NOW,
    pb.EndSubscriptionRequest.MODE_RESUME: EndMode.RESUME,
}


def asked(rpc: str, account: str, request_id: str, principal: Principal, trace_id: str) -> Asked:
    """Say who asks, and under which idempotency key."""
    return Asked(AccountId(account), principal.subject, rpc, request_id, trace_id=trace_id)


def from_proto_checkout(request: pb.CreateCheckoutRequest) -> NewCheckout:
    """Read a wish for a page."""
    bad = Violations()
    _need(bad, "account", request.account)
    _check_ids(bad, request_id=request.request_id, customer_id=request.customer_id)
    _check_ids(bad, quote=request.quote, promotion_code=request.promotion_code)
    _check_items(bad, request.items)
    _check_identity(bad, request.identity)
    _check_url(bad, "success_url", request.success_url)
    if request.cancel_url:
        _check_url(bad, "cancel_url", request.cancel_url)
    _check_money(bad, "subtotal", request.subtotal)
    if "\0" in request.email or len(request.email) > MAX_ID:
        bad.add("email", f"at most {MAX_ID} characters")
    most = MAX_TRIAL_DAYS if request.recurring else 0
    if not 0 <= request.trial_days <= most:
        bad.add("trial_days", f"0 to {most}")
    if not request.HasField("expire_time"):
        bad.add("expire_time", _EXPIRY)
    bad.raise_if_any()
    return NewCheckout(
        items=_items(request.items),
        recurring=request.recurring,
        quote=request.quote,
        subtotal=Money(request.subtotal.currency, request.subtotal.minor_units),
        expire_time=_time("expire_time", _EXPIRY, request.expire_time.seconds),
        success_url=request.success_url,
        cancel_url=request.cancel_url,
        trial_days=request.trial_days,
        promotion_code=request.promotion_code,
        customer=NewCustomer(request.email, dict(request.identity)),
        customer_id=request.customer_id,
    )


def _time(field: str, expected: str, seconds: int) -> datetime:
    """Read a time; whole seconds are all that providers tell times in."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        bad = Violations()
        bad.add(field, expected)
        bad.raise_if_any()
        raise


def from_proto_page_names(request: pb.GetCheckoutRequest) -> tuple[AccountId, str]:
    """Read which page of whom."""
    bad = Violations()
    _need(bad, "account", request.account)
    _need(bad, "checkout_id", request.checkout_id)
    bad.raise_if_any()
    return AccountId(request.account), request.checkout_id


def from_proto_portal(request: pb.CreatePortalSessionRequest) -> tuple[AccountId, str, str]:
    """Read whose portal, where it leads back to, and a customer that may be known."""
    bad = Violations()
    _need(bad, "account", request.account)
    _check_url(bad, "return_url", request.return_url)
    _check_ids(bad, customer_id=request.customer_id)
    bad.raise_if_any()
    return AccountId(request.account), request.return_url, request.customer_id


def from_proto_change(
    request: pb.ChangeSubscriptionRequest,
) -> tuple[tuple[BilledItem, ...], tuple[BilledItem, ...]]:
    """Read what a subscription shall be billed for, and what it is held to be billed for."""
    bad = Violations()
    _check_subscription(bad, request)
    _check_items(bad, request.items)
    if request.held_items:
        _check_items(bad, request.held_items, "held_items")
    names = [item.price_id for item in request.items]
    if len(set(names)) != len(names):
        bad.add("items", "each price once")
    bad.raise_if_any()
    return _items(request.items), _items(request.held_items)


def from_proto_end(request: pb.EndSubscriptionRequest) -> EndMode:
    """Read how a subscription shall end."""
    bad = Violations()
    _check_subscription(bad, request)
    mode = _MODES.get(request.mode)
    if mode is None:
        bad.add("mode", "at the period's end, now, or resume")
    bad.raise_if_any()
    assert mode is not None, "a violation was raised"  # noqa: S101
    return mode


def from_proto_refund(request: pb.RefundCheckoutRequest) -> tuple[str, str]:
    """Read what shall be given back, and why."""
    bad = Violations()
    _need(bad, "checkout_id", request.checkout_id)
    _check_refund(bad, request)
    bad.raise_if_any()
    return request.checkout_id, request.reason


def from_proto_subscription_refund(
    request: pb.RefundSubscriptionRequest,
) -> tuple[str, datetime, str]:
    """Read which subscription shall end, since when its money shall be given back, and why."""
    bad = Violations()
    _check_subscription(bad, request)
    _check_refund(bad, request)
    if not request.HasField("paid_since"):
        bad.add("paid_since", _SINCE)
    bad.raise_if_any()
    since = _time("paid_since", _SINCE, request.paid_since.seconds)
    return request.provider_subscription_id, since, request.reason


def from_proto_refresh(request: pb.RefreshSubscriptionRequest) -> str:
    """Read which subscription shall be looked at."""
    bad = Violations()
    _need(bad, "provider_subscription_id", request.provider_subscription_id)
    bad.raise_if_any()
    return request.provider_subscription_id


def to_proto_checkout(found: AccountPage) -> payments_pb2.Checkout:
    """Show a page."""
    place, page = found.place, found.page
    return payments_pb2.Checkout(
        operation=place.operation_id,
        checkout_id=page.id,
        account=place.account_id,
        quote=place.quote,
        state=_STATES[page.state],
        paid=page.paid,
        url=page.url,
        expire_time=timestamp(page.expire_time),
        customer_id=page.customer_id,
        provider_subscription_id=page.subscription_id,
        subtotal=money(page.subtotal),
    )


def to_proto_refund(refund: Refund) -> pb.RefundCheckoutResponse:
    """Show what was given back."""
    amount = money(refund.amount) if refund.id else None
    return pb.RefundCheckoutResponse(refund_id=refund.id, amount=amount)


def to_proto_subscription_refund(refund: Refund) -> pb.RefundSubscriptionResponse:
    """Show what was given back of a subscription's money."""
    amount = money(refund.amount) if refund.id else None
    return pb.RefundSubscriptionResponse(refund_id=refund.id, amount=amount)


def _check_refund(
    bad: Violations, request: pb.RefundCheckoutRequest | pb.RefundSubscriptionRequest
) -> None:
    _need(bad, "request_id", request.request_id)
    if not request.reason or len(request.reason) > MAX_TEXT or "\0" in request.reason:
        bad.add("reason", f"a stable word, 1 to {MAX_TEXT} characters")


def _check_subscription(
    bad: Violations,
    request: pb.ChangeSubscriptionRequest
    | pb.EndSubscriptionRequest
    | pb.RefundSubscriptionRequest,
) -> None:
    _need(bad, "account", request.account)
    _need(bad, "provider_subscription_id", request.provider_subscription_id)
    _check_ids(bad, request_id=request.request_id)


def _need(bad: Violations, field: str, value: str) -> None:
    if not value or len(value) > MAX_ID or "\0" in value:
        bad.add(field, f"1 to {MAX_ID} characters")


def _check_ids(bad: Violations, **values: str) -> None:
    for field, value in values.items():
        if len(value) > MAX_ID or "\0" in value:
            bad.add(field, f"at most {MAX_ID} characters")


def _check_items(
    bad: Violations, items: Sequence[payments_pb2.BilledItem], field: str = "items"
) -> None:
    if not 1 <= len(items) <= MAX_ITEMS:
        bad.add(field, f"1 to {MAX_ITEMS}")
    for index, item in enumerate(items):
        _need(bad, f"{field}[{index}].price_id", item.price_id)
        if not 1 <= item.quantity <= MAX_QUANTITY:
            bad.add(f"{field}[{index}].quantity", f"1 to {MAX_QUANTITY}")


def _items(items: Sequence[payments_pb2.BilledItem]) -> tuple[BilledItem, ...]:
    return tuple(BilledItem(item.price_id, item.quantity) for item in items)


def _check_identity(bad: Violations, identity: Mapping[str, str]) -> None:
    for name, value in identity.items():
        if name not in IDENTITY_KEYS:
            bad.add(f"identity.{name}", f"one of {', '.join(IDENTITY_KEYS)}")
        elif not value or len(value) > MAX_TEXT or "\0" in value:
            bad.add(f"identity.{name}", f"1 to {MAX_TEXT} characters")


def _check_url(bad: Violations, field: str, url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    whole = parts.scheme in ("http", "https") and parts.netloc and "\0" not in url
    if not whole or len(url) > MAX_URL:
        bad.add(field, f"an http or https URL of at most {MAX_URL} characters")


def _check_money(bad: Violations, field: str, amount: money_pb2.Money) -> None:
    if amount.currency not in EXPONENTS or amount.minor_units < 0:
        bad.add(field, "0 or more minor units of a known currency")
