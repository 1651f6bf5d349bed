"""Other services behind ports: pricing. Nothing is cached here."""

from collections.abc import Sequence
from datetime import timedelta

import grpc.aio

from services.chassis.errors import Unavailable
from services.chassis.money import Money
from services.subscription.domain import AddonQuantity, Capacity, CapacityKind, EndPolicy
from services.subscription.ports import Expansion, ResolvedPrice
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1 import pricing_service_pb2 as pb
from tollgate.pricing.v1.pricing_service_pb2_grpc import PricingServiceStub

_POLICIES = {
    pricing_pb2.END_POLICY_FREE: EndPolicy.FREE,
    pricing_pb2.END_POLICY_SUSPEND_THEN_CANCEL: EndPolicy.SUSPEND_THEN_CANCEL,
    pricing_pb2.END_POLICY_DELETE: EndPolicy.DELETE,
}


class GrpcPricing:
    """The port ``Pricing`` over a channel of the chassis."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = PricingServiceStub(channel)

    async def resolve_prices(self, provider: str, prices: Sequence[str]) -> Sequence[ResolvedPrice]:
        """Say what price ids stand for, in their order."""
        request = pb.ResolvePricesRequest(provider=provider, prices=list(prices))
        answer = await self._stub.ResolvePrices(request)
        return [_resolved(price) for price in answer.prices]

    async def expand_capacity(
        self, plan: str, addons: Sequence[AddonQuantity], catalog_version: str
    ) -> Expansion:
        """Expand a plan and its add-ons."""
        request = pb.ExpandCapacityRequest(
            plan=plan,
            addons=[
                pricing_pb2.AddonQuantity(addon=addon.addon, quantity=addon.quantity)
                for addon in addons
            ],
            catalog_version=catalog_version,
        )
        return _expansion(await self._stub.ExpandCapacity(request))


def _resolved(price: pb.ResolvedPrice) -> ResolvedPrice:
    amount = price.price.amount if price.HasField("price") else None
    return ResolvedPrice(
        price_id=price.provider_price,
        plan=price.plan,
        addon=price.addon,
        catalog_version=price.catalog_version,
        amount=Money(amount.currency, amount.minor_units) if amount else None,
        creates_account=price.foreign_checkout_creates_account,
    )


def _expansion(answer: pb.ExpandCapacityResponse) -> Expansion:
    kind = answer.capacity.WhichOneof("kind")
    on_unpaid, on_end = _POLICIES.get(answer.plan.on_unpaid), _POLICIES.get(answer.plan.on_end)
    if kind is None or on_unpaid is None or on_end is None:
        # A newer pricing than this version: what it means is not known here, so nothing is done.
        raise Unavailable(f"Pricing expanded {answer.plan.name} to something not known here.")
    return Expansion(
        Capacity(CapacityKind(kind), answer.capacity.SerializeToString(deterministic=True)),
        on_unpaid,
        on_end,
        timedelta(seconds=answer.plan.retention_seconds),
    )
