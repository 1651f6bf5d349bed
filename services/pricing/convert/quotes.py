"""Quotes as messages, and as the bytes that the store keeps."""

import hashlib
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from services.pricing.convert.catalogs import INTERVALS, from_proto_addons, to_proto_money
from services.pricing.convert.costs import (
    from_proto_deployment,
    from_proto_money,
    kept_cost,
    kept_deployment,
    to_proto_cost,
    to_proto_deployment,
)
from services.pricing.convert.objects import from_proto_object, kept_bound, to_proto_bound
from services.pricing.costing import DeploymentRequest
from services.pricing.domain import Interval
from services.pricing.quotes import (
    DeploymentQuote,
    PlanQuote,
    PlanSelection,
    Quote,
    QuoteLine,
    QuoteRequest,
    QuoteState,
    Shown,
)
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1 import pricing_service_pb2 as pb

_READ_INTERVALS = {number: interval for interval, number in INTERVALS.items()}
_STATES = {
    QuoteState.OPEN: pricing_pb2.Quote.STATE_OPEN,
    QuoteState.TAKEN: pricing_pb2.Quote.STATE_TAKEN,
    QuoteState.EXPIRED: pricing_pb2.Quote.STATE_EXPIRED,
}


def from_proto_quote_request(request: pb.CreateQuoteRequest) -> QuoteRequest:
    """Read what a quote is asked for with."""
    content = pb.CreateQuoteRequest()
    content.CopyFrom(request)
    content.request_id = ""
    subject: DeploymentRequest | PlanSelection
    if request.WhichOneof("subject") == "plan":
        subject = _selection(request.plan)
    else:
        subject = from_proto_deployment(request.deployment)
    return QuoteRequest(
        owner=request.owner,
        subject=subject,
        lifetime=request.lifetime_seconds,
        request_id=request.request_id,
        request_hash=hashlib.sha256(content.SerializeToString(deterministic=True)).digest(),
        object=from_proto_object(request.object) if request.HasField("object") else None,
        catalog=request.catalog,
    )


def _selection(message: pb.PlanSelection) -> PlanSelection:
    return PlanSelection(
        plan=message.plan,
        addons=tuple(from_proto_addons(message.addons)),
        currency=message.currency,
        interval=_READ_INTERVALS.get(message.interval),
        trial=message.trial,
    )


def to_proto_state(shown: Shown) -> pricing_pb2.Quote.State.ValueType:
    """Convert where a quote stands."""
    return _STATES[shown.state]


def to_proto_quote(shown: Shown, signature: str = "") -> pricing_pb2.Quote:
    """Convert a quote as it stands."""
    message = _content(shown.stored.quote)
    message.signature = signature
    message.state = _STATES[shown.state]
    message.taker = shown.stored.taker
    if message.deployment.deployment.HasField("commitment"):
        # As it was asked for, so that it can be asked for again.
        message.deployment.deployment.duration_hours = ""
    return message


def encode_quote(quote: Quote) -> bytes:
    """Write what never changes of a quote."""
    return _content(quote).SerializeToString(deterministic=True)


def decode_quote(content: bytes) -> Quote:
    """Read back what ``encode_quote`` wrote."""
    message = pricing_pb2.Quote.FromString(content)
    subject: DeploymentQuote | PlanQuote
    if message.WhichOneof("subject") == "plan":
        subject = _kept_plan(message.plan)
        weight = from_proto_money(message.amount)
    else:
        cost = kept_cost(message.deployment.cost)
        bound = message.deployment.object if message.deployment.HasField("object") else None
        subject = DeploymentQuote(
            kept_deployment(message.deployment.deployment),
            cost,
            kept_bound(bound) if bound else None,
        )
        weight = max(cost.total, cost.monthly)
    return Quote(
        name=message.name,
        owner=message.owner,
        amount=from_proto_money(message.amount),
        weight=weight,
        payment_required=message.payment_required,
        subject=subject,
        create_time=message.create_time.ToDatetime(UTC),
        expire_time=message.expire_time.ToDatetime(UTC),
    )


def _content(quote: Quote) -> pricing_pb2.Quote:
    message = pricing_pb2.Quote(
        name=quote.name,
        owner=quote.owner,
        amount=to_proto_money(quote.amount),
        create_time=_time(quote.create_time),
        expire_time=_time(quote.expire_time),
        payment_required=quote.payment_required,
    )
    if isinstance(quote.subject, PlanQuote):
        message.plan.CopyFrom(_to_plan(quote.subject))
    else:
        message.deployment.deployment.CopyFrom(to_proto_deployment(quote.subject.deployment))
        message.deployment.cost.CopyFrom(to_proto_cost(quote.subject.cost))
        if quote.subject.object is not None:
            message.deployment.object.CopyFrom(to_proto_bound(quote.subject.object))
    return message


def _to_plan(quote: PlanQuote) -> pricing_pb2.PlanQuote:
    return pricing_pb2.PlanQuote(
        plan=quote.plan,
        catalog_version=quote.catalog_version,
        addons=[
            pricing_pb2.AddonQuantity(addon=name, quantity=quantity)
            for name, quantity in quote.addons
        ],
        interval=INTERVALS[quote.interval],
        lines=[
            pricing_pb2.QuoteLine(
                subject=line.subject,
                provider_prices=line.provider_prices,
                quantity=line.quantity,
                unit=to_proto_money(line.unit),
            )
            for line in quote.lines
        ],
        trial_days=quote.trial_days,
    )


def _kept_plan(message: pricing_pb2.PlanQuote) -> PlanQuote:
    return PlanQuote(
        plan=message.plan,
        catalog_version=message.catalog_version,
        addons=tuple(from_proto_addons(message.addons)),
        interval=_READ_INTERVALS.get(message.interval, Interval.MONTH),
        lines=tuple(
            QuoteLine(
                line.subject,
                dict(line.provider_prices),
                line.quantity,
                from_proto_money(line.unit),
            )
            for line in message.lines
        ),
        trial_days=message.trial_days,
    )


def _time(moment: datetime) -> Timestamp:
    time = Timestamp()
    time.FromDatetime(moment)
    return time
