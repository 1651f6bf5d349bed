"""Buying, changing, ending and entitlement: what is asked, and what is answered."""

from typing import Final

from services.chassis.errors import Violations
from services.subscription.convert.values import (
    digest_of,
    from_proto_addons,
    to_proto_money,
    to_proto_state,
    to_timestamp,
)
from services.subscription.entitlement import Entitlement, Upgrade, ValidateRequest, Validation
from services.subscription.ports import EndMode, Interval, Price
from services.subscription.purchasing import (
    BuyRequest,
    CancelRequest,
    Purchasing,
    UpdateRequest,
    Verified,
)
from tollgate.pricing.v1 import pricing_pb2
from tollgate.subscription.v1 import subscription_pb2 as pb
from tollgate.subscription.v1 import subscription_service_pb2 as service_pb

_INTERVALS: Final = {
    pricing_pb2.INTERVAL_UNSPECIFIED: Interval.MONTH,
    pricing_pb2.INTERVAL_ONCE: Interval.ONCE,
    pricing_pb2.INTERVAL_MONTH: Interval.MONTH,
    pricing_pb2.INTERVAL_YEAR: Interval.YEAR,
}
_WRITTEN_INTERVALS: Final = {
    Interval.ONCE: pricing_pb2.INTERVAL_ONCE,
    Interval.MONTH: pricing_pb2.INTERVAL_MONTH,
    Interval.YEAR: pricing_pb2.INTERVAL_YEAR,
}
_MODES: Final = {
    service_pb.CancelSubscriptionRequest.MODE_UNSPECIFIED: EndMode.AT_PERIOD_END,
    service_pb.CancelSubscriptionRequest.MODE_AT_PERIOD_END: EndMode.AT_PERIOD_END,
    service_pb.CancelSubscriptionRequest.MODE_NOW: EndMode.NOW,
    service_pb.CancelSubscriptionRequest.MODE_RESUME: EndMode.RESUME,
}


def from_buy_request(request: service_pb.CreateSubscriptionRequest) -> BuyRequest:
    """Read what is to be bought; InvalidArgument names the interval if it is none."""
    bad = Violations()
    interval = _INTERVALS.get(request.interval)
    if interval is None:
        bad.add("interval", "expected once, a month or a year")
    bad.raise_if_any()
    return BuyRequest(
        account=request.account,
        plan=request.plan,
        addons=from_proto_addons(request.addons),
        currency=request.currency,
        interval=interval or Interval.MONTH,
        promotion_code=request.promotion_code,
        trial=request.trial,
        success_url=request.success_url,
        cancel_url=request.cancel_url,
        request_id=request.request_id,
        request_hash=digest_of(request),
    )


def from_update_request(request: service_pb.UpdateSubscriptionRequest) -> UpdateRequest:
    """Read what a subscription is to be; InvalidArgument for add-ons that would replace none."""
    bad = Violations()
    if request.addons and not request.replace_addons:
        bad.add("addons", "only with replace_addons")
    if request.addon_changes and request.replace_addons:
        bad.add("addon_changes", "not with replace_addons")
    bad.raise_if_any()
    return UpdateRequest(
        name=request.name,
        plan=request.plan,
        addons=from_proto_addons(request.addons) if request.replace_addons else None,
        request_id=request.request_id,
        request_hash=digest_of(request),
        validate_only=request.validate_only,
        addon_changes=tuple(sorted(request.addon_changes.items())),
    )


def from_cancel_request(request: service_pb.CancelSubscriptionRequest) -> CancelRequest:
    """Read how a subscription is to end; InvalidArgument names the mode if it is none."""
    bad = Violations()
    mode = _MODES.get(request.mode)
    if mode is None:
        bad.add("mode", "expected a way to end")
    bad.raise_if_any()
    return CancelRequest(
        name=request.name,
        mode=mode or EndMode.AT_PERIOD_END,
        reason=request.reason,
        request_id=request.request_id,
        request_hash=digest_of(request),
    )


def from_validate_request(request: service_pb.ValidateSubscriptionRequest) -> ValidateRequest:
    """Read what has to be held."""
    return ValidateRequest(
        account=request.account,
        tier=request.required_tier,
        features=tuple(request.required_features),
        catalog=request.catalog,
    )


def to_proto_purchasing(page: Purchasing) -> pb.Purchasing:
    """Write a payment page."""
    return pb.Purchasing(
        quote=page.quote,
        checkout_id=page.checkout_id,
        url=page.url,
        expire_time=to_timestamp(page.expire_time),
        subtotal=to_proto_money(page.subtotal),
    )


def to_proto_verified(found: Verified) -> service_pb.VerifyCheckoutResponse:
    """Write what became of a payment page."""
    return service_pb.VerifyCheckoutResponse(
        verified=found.verified, state=to_proto_state(found.state), plan=found.plan
    )


def to_proto_validation(found: Validation) -> service_pb.ValidateSubscriptionResponse:
    """Write whether a requirement is met, and what would meet it."""
    return service_pb.ValidateSubscriptionResponse(
        valid=found.lack is None,
        entitlement=_entitlement(found.entitlement),
        reason=found.lack or "",
        message=found.message,
        upgrade=_upgrade(found.upgrade) if found.upgrade else None,
        missing_features=found.missing,
    )


def _entitlement(held: Entitlement) -> pb.Entitlement:
    return pb.Entitlement(
        account=held.account.name if held.account else "",
        tier=held.tier,
        plan=held.plan,
        features=held.features,
        remaining_credits=held.remaining_credits,
        next_billing_time=to_timestamp(held.next_billing_time),
        state=to_proto_state(held.state) if held.state else pb.STATE_UNSPECIFIED,
    )


def _upgrade(upgrade: Upgrade) -> pb.Upgrade:
    terms = upgrade.plan.terms
    return pb.Upgrade(
        plan=upgrade.plan.name,
        display_name=terms.display_name,
        tier=terms.tier,
        price=_price(upgrade.price),
    )


def _price(price: Price) -> pricing_pb2.Price:
    return pricing_pb2.Price(
        amount=to_proto_money(price.amount),
        interval=_WRITTEN_INTERVALS[price.interval],
        provider_prices=price.provider_prices,
    )
