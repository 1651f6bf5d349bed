"""Deployments and what they cost, as messages and back."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from operator import attrgetter

from services.chassis.money import Money
from services.pricing.convert.catalogs import to_proto_money
from services.pricing.convert.forms import (
    TAXES,
    kept_columns,
    write_amounts,
    write_texts,
    written,
)
from services.pricing.costing import (
    Commitment,
    CommitmentRequest,
    ComparisonRequest,
    Cost,
    Deployment,
    DeploymentRequest,
    Discount,
    DiscountKind,
    Offer,
    PaymentSchedule,
    Resource,
    ResourceRequest,
    size_of,
)
from services.pricing.rates import Upfront
from tollgate.common.v1 import money_pb2
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1 import pricing_service_pb2 as pb

_UPFRONT = {
    Upfront.NONE: pricing_pb2.Commitment.UPFRONT_NONE,
    Upfront.PARTIAL: pricing_pb2.Commitment.UPFRONT_PARTIAL,
    Upfront.ALL: pricing_pb2.Commitment.UPFRONT_ALL,
}
_READ_UPFRONT = {number: upfront for upfront, number in _UPFRONT.items()}
_KINDS = {
    DiscountKind.VOLUME: pricing_pb2.Discount.KIND_VOLUME,
    DiscountKind.COMMITMENT: pricing_pb2.Discount.KIND_COMMITMENT,
    DiscountKind.ACCOUNT: pricing_pb2.Discount.KIND_ACCOUNT,
    DiscountKind.COUPON: pricing_pb2.Discount.KIND_COUPON,
}
_READ_KINDS = {number: kind for kind, number in _KINDS.items()}
_READ_TAXES = {number: tax for tax, number in TAXES.items()}
# There may be many resources: they are read without a step of Python for each of their fields.
_resource_fields = attrgetter(*ResourceRequest._fields)
_as_resource: Callable[[tuple[str | int, ...]], ResourceRequest] = partial(
    tuple.__new__, ResourceRequest
)


def from_proto_deployment(message: pricing_pb2.Deployment) -> DeploymentRequest:
    """Read what a price is asked for; nothing in it was looked at."""
    commitment = None
    if message.HasField("commitment"):
        asked = message.commitment
        commitment = CommitmentRequest(asked.years, _READ_UPFRONT.get(asked.upfront))
    return DeploymentRequest(
        list(map(_as_resource, map(_resource_fields, message.resources))),
        message.region,
        message.duration_hours,
        message.backup_plan,
        tuple(message.features),
        message.cloud,
        commitment,
        message.coupon,
    )


def from_proto_comparison(request: pb.ComparePricesRequest) -> ComparisonRequest:
    """Read what is to be compared; nothing in it was looked at."""
    deployment = from_proto_deployment(request.deployment)
    return ComparisonRequest(deployment, tuple(request.clouds), tuple(request.regions))


def to_proto_offer(offer: Offer) -> pricing_pb2.Offer:
    """Convert what a deployment costs at one place."""
    cost = to_proto_cost(offer.cost) if offer.cost else None
    return pricing_pb2.Offer(
        cloud=offer.cloud, region=offer.region, cost=cost, missing=offer.missing
    )


def to_proto_deployment(deployment: Deployment) -> pricing_pb2.Deployment:
    """Convert what was priced; sizes in cores and GB. The duration is that of a commitment too."""
    asked = deployment.commitment
    return pricing_pb2.Deployment(
        resources=[
            pricing_pb2.ResourceSpec(
                type=one.type,
                cpu=f"{one.cpu:f}",
                memory=f"{one.memory:f}",
                storage=f"{one.storage:f}",
                replicas=one.replicas,
            )
            for one in deployment.resources
        ],
        region=deployment.region,
        duration_hours=f"{deployment.hours:f}",
        backup_plan=deployment.backup_plan,
        features=deployment.features,
        cloud=deployment.cloud,
        commitment=(
            pricing_pb2.Commitment(years=asked.years, upfront=_UPFRONT[asked.upfront])
            if asked
            else None
        ),
        coupon=deployment.coupon,
    )


def kept_deployment(message: pricing_pb2.Deployment) -> Deployment:
    """Read back what ``to_proto_deployment`` wrote."""
    return Deployment(
        resources=tuple(
            Resource(
                one.type,
                size_of(Decimal(one.cpu), Decimal(one.memory), Decimal(one.storage)),
                one.replicas,
            )
            for one in message.resources
        ),
        region=message.region,
        hours=Decimal(message.duration_hours),
        backup_plan=message.backup_plan,
        features=tuple(message.features),
        cloud=message.cloud,
        commitment=(
            Commitment(message.commitment.years, _READ_UPFRONT[message.commitment.upfront])
            if message.HasField("commitment")
            else None
        ),
        coupon=message.coupon,
    )


def to_proto_cost(cost: Cost) -> pricing_pb2.Cost:
    """Convert what a deployment costs."""
    message = pricing_pb2.Cost()
    write_amounts(message, cost)
    write_texts(message, cost)
    for discount in cost.discounts:
        message.discounts.add(
            kind=_KINDS[discount.kind],
            name=discount.name,
            amount=to_proto_money(discount.amount),
            monthly=to_proto_money(discount.monthly),
        )
    if cost.schedule is not None:
        message.schedule.upfront.CopyFrom(to_proto_money(cost.schedule.upfront))
        message.schedule.instalments.extend(map(to_proto_money, cost.schedule.instalments))
    return message


def written_price(cost: Cost) -> bytes:
    """Return the answer to CalculatePrice as it is sent."""
    if not cost.discounts and cost.schedule is None:
        return written(cost)
    return pb.CalculatePriceResponse(cost=to_proto_cost(cost)).SerializeToString()


def kept_cost(message: pricing_pb2.Cost) -> Cost:
    """Read back what ``to_proto_cost`` wrote."""
    return Cost(
        currency=message.total.currency,
        minor_units=message.total.minor_units,
        monthly_minor_units=message.monthly.minor_units,
        columns=kept_columns(message),
        region=message.region,
        rate_card_version=message.rate_card_version,
        cloud=message.cloud,
        discounts=tuple(
            Discount(
                _READ_KINDS[one.kind],
                one.name,
                from_proto_money(one.amount),
                from_proto_money(one.monthly),
            )
            for one in message.discounts
        ),
        schedule=_schedule(message.schedule) if message.HasField("schedule") else None,
        tax=_READ_TAXES.get(message.tax),
    )


def _schedule(message: pricing_pb2.PaymentSchedule) -> PaymentSchedule:
    instalments = tuple(from_proto_money(one) for one in message.instalments)
    return PaymentSchedule(from_proto_money(message.upfront), instalments)


def from_proto_money(message: money_pb2.Money) -> Money:
    """Read an amount."""
    return Money(message.currency, message.minor_units)
