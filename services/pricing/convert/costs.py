"""Deployments and what they cost, as messages and back."""

from collections.abc import Iterable
from decimal import Decimal

from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

from services.chassis.money import Money
from services.pricing.convert.catalogs import to_proto_money
from services.pricing.costing import (
    Cost,
    Deployment,
    DeploymentRequest,
    Part,
    Resource,
    ResourceCost,
    ResourceRequest,
)
from tollgate.common.v1 import money_pb2
from tollgate.pricing.v1 import pricing_pb2


def from_proto_deployment(message: pricing_pb2.Deployment) -> DeploymentRequest:
    """Read what a price is asked for; nothing in it was looked at."""
    return DeploymentRequest(
        resources=[
            ResourceRequest(one.type, one.cpu, one.memory, one.storage, one.replicas)
            for one in message.resources
        ],
        region=message.region,
        duration_hours=message.duration_hours,
        backup_plan=message.backup_plan,
        features=tuple(message.features),
    )


def to_proto_deployment(deployment: Deployment) -> pricing_pb2.Deployment:
    """Convert what was priced; sizes in cores and GB."""
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
    )


def kept_deployment(message: pricing_pb2.Deployment) -> Deployment:
    """Read back what ``to_proto_deployment`` wrote."""
    return Deployment(
        resources=tuple(
            Resource(
                one.type, Decimal(one.cpu), Decimal(one.memory), Decimal(one.storage), one.replicas
            )
            for one in message.resources
        ),
        region=message.region,
        hours=Decimal(message.duration_hours),
        backup_plan=message.backup_plan,
        features=tuple(message.features),
    )


def to_proto_cost(cost: Cost) -> pricing_pb2.Cost:
    """Convert what a deployment costs."""
    message = pricing_pb2.Cost(
        total=to_proto_money(cost.total),
        monthly=to_proto_money(cost.monthly),
        region=cost.region,
        rate_card_version=cost.rate_card_version,
    )
    for place, one in enumerate(cost.resources):
        resource = message.resources.add(index=place, type=one.type)
        _write(resource, one)
        _write_parts(resource.parts, one.parts)
    _write_parts(message.components, cost.components)
    return message


def kept_cost(message: pricing_pb2.Cost) -> Cost:
    """Read back what ``to_proto_cost`` wrote."""
    return Cost(
        total=from_proto_money(message.total),
        monthly=from_proto_money(message.monthly),
        resources=tuple(
            ResourceCost(
                one.type,
                _parts(one.parts),
                one.amount.currency,
                one.amount.minor_units,
                one.monthly.minor_units,
            )
            for one in message.resources
        ),
        components=_parts(message.components),
        region=message.region,
        rate_card_version=message.rate_card_version,
    )


def from_proto_money(message: money_pb2.Money) -> Money:
    """Read an amount."""
    return Money(message.currency, message.minor_units)


def _write_parts(
    messages: RepeatedCompositeFieldContainer[pricing_pb2.CostPart], parts: Iterable[Part]
) -> None:
    for part in parts:
        _write(messages.add(component=part.component), part)


def _write(
    message: pricing_pb2.CostPart | pricing_pb2.ResourceCost, costs: Part | ResourceCost
) -> None:
    # In place: messages that are given to a message are copied, which takes twice as long.
    amount, monthly = message.amount, message.monthly
    amount.currency = monthly.currency = costs.currency
    amount.minor_units = costs.minor_units
    monthly.minor_units = costs.monthly_minor_units


def _parts(messages: Iterable[pricing_pb2.CostPart]) -> tuple[Part, ...]:
    return tuple(
        Part(one.component, one.amount.currency, one.amount.minor_units, one.monthly.minor_units)
        for one in messages
    )
