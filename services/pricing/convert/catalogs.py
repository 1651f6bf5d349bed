"""Catalogs, plans, add-ons and capacities as messages."""

from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from services.chassis.money import Money
from services.pricing import capacity
from services.pricing.domain import (
    ActiveCatalog,
    Addon,
    Billing,
    Catalog,
    EndPolicy,
    Expansion,
    Interval,
    Plan,
    Price,
    ResolvedPrice,
    qualified,
)
from tollgate.common.v1 import capacity_pb2, money_pb2
from tollgate.pricing.v1 import pricing_pb2, pricing_service_pb2

INTERVALS = {
    Interval.ONCE: pricing_pb2.INTERVAL_ONCE,
    Interval.MONTH: pricing_pb2.INTERVAL_MONTH,
    Interval.YEAR: pricing_pb2.INTERVAL_YEAR,
}
_POLICIES = {
    EndPolicy.FREE: pricing_pb2.END_POLICY_FREE,
    EndPolicy.SUSPEND_THEN_CANCEL: pricing_pb2.END_POLICY_SUSPEND_THEN_CANCEL,
    EndPolicy.DELETE: pricing_pb2.END_POLICY_DELETE,
}


def to_proto_money(money: Money) -> money_pb2.Money:
    """Convert an amount."""
    return money_pb2.Money(currency=money.currency, minor_units=money.minor_units)


def to_proto_price(price: Price) -> pricing_pb2.Price:
    """Convert a price."""
    return pricing_pb2.Price(
        amount=to_proto_money(price.amount),
        interval=INTERVALS[price.interval],
        provider_prices=price.provider_prices,
    )


def to_proto_catalog(active: ActiveCatalog) -> pricing_pb2.Catalog:
    """Convert a catalog in force."""
    catalog, time = active.catalog, Timestamp()
    time.FromDatetime(active.activate_time)
    return pricing_pb2.Catalog(
        name=catalog.name,
        version=catalog.version,
        activate_time=time,
        description=catalog.description,
        foreign_checkout_creates_account=catalog.foreign_checkout_creates_account,
        error=active.error,
        free_plan=_qualified(catalog, catalog.free_plan),
        new_member_plan=_qualified(catalog, catalog.new_member_plan),
        grandfathered_plan=_qualified(catalog, catalog.grandfathered_plan),
        billing=None if catalog.billing is None else _to_billing(catalog.billing),
    )


def _qualified(catalog: Catalog, plan: str) -> str:
    return qualified(catalog.name, plan) if plan else ""


def _to_billing(billing: Billing) -> pricing_pb2.HoldBilling:
    return pricing_pb2.HoldBilling(
        enabled=billing.enabled,
        currency=billing.currency,
        success_url=billing.success_url,
        cancel_url=billing.cancel_url,
    )


def to_proto_plan(catalog: Catalog, plan: Plan) -> pricing_pb2.Plan:
    """Convert a plan of a catalog."""
    return pricing_pb2.Plan(
        name=qualified(catalog.name, plan.id),
        catalog_version=catalog.version,
        display_name=plan.display_name,
        description=plan.description,
        tier=plan.tier,
        prices=[to_proto_price(price) for price in plan.prices],
        features=plan.features,
        credits=plan.credits,
        provisions=to_proto_capacity(plan.provisions),
        on_unpaid=_POLICIES[plan.on_unpaid],
        on_end=_POLICIES[plan.on_end],
        retention_seconds=catalog.retention_seconds,
        pin=plan.pin,
        recommended=plan.recommended,
        self_service=plan.self_service,
        highlights=plan.highlights,
        trial_days=plan.trial_days,
    )


def to_proto_addon(catalog: Catalog, addon: Addon) -> pricing_pb2.Addon:
    """Convert an add-on of a catalog."""
    return pricing_pb2.Addon(
        name=qualified(catalog.name, addon.id),
        catalog_version=catalog.version,
        display_name=addon.display_name,
        description=addon.description,
        prices=[to_proto_price(price) for price in addon.prices],
        adds=addon.adds,
        self_service=addon.self_service,
        disabled=addon.disabled,
    )


def to_proto_resolved(resolved: ResolvedPrice) -> pricing_service_pb2.ResolvedPrice:
    """Convert what a provider's price stands for."""
    answer = pricing_service_pb2.ResolvedPrice(provider_price=resolved.price_id)
    if resolved.found is None:
        return answer
    catalog, priced = resolved.found
    name = qualified(catalog.name, priced.subject.id)
    if isinstance(priced.subject, Plan):
        answer.plan = name
    else:
        answer.addon = name
    answer.catalog_version = catalog.version
    answer.price.CopyFrom(to_proto_price(priced.price))
    answer.foreign_checkout_creates_account = catalog.foreign_checkout_creates_account
    return answer


def to_proto_expansion(expansion: Expansion) -> pricing_service_pb2.ExpandCapacityResponse:
    """Convert an expanded plan."""
    return pricing_service_pb2.ExpandCapacityResponse(
        capacity=to_proto_capacity(expansion.capacity),
        plan=to_proto_plan(expansion.catalog, expansion.plan),
        active_version=expansion.active_version,
    )


def from_proto_addons(addons: Sequence[pricing_pb2.AddonQuantity]) -> list[tuple[str, int]]:
    """Read add-ons and their quantities; their bounds are the use case's."""
    return [(addon.addon, addon.quantity) for addon in addons]


def to_proto_capacity(value: capacity.Capacity) -> capacity_pb2.Capacity:
    """Convert a capacity of any kind."""
    match value:
        case capacity.Nothing():
            return capacity_pb2.Capacity(nothing=capacity_pb2.NothingCapacity(limits=value.limits))
        case capacity.Namespace():
            return capacity_pb2.Capacity(namespace=_namespace(value))
        case capacity.Organization():
            return capacity_pb2.Capacity(organization=_organization(value))
        case capacity.Tenant():
            tenant = capacity_pb2.TenantCapacity(
                chart=value.chart, values=value.values, database=value.database
            )
            return capacity_pb2.Capacity(tenant=tenant)
        case capacity.Resource():
            resource = capacity_pb2.ResourceCapacity(
                kinds=value.kinds, max_objects=value.max_objects
            )
            return capacity_pb2.Capacity(resource=resource)


def _namespace(value: capacity.Namespace) -> capacity_pb2.NamespaceCapacity:
    message = capacity_pb2.NamespaceCapacity(
        quota=value.quota, container=_container(value.container), warm_pool=value.warm_pool
    )
    if value.autoscale is not None:
        scale = value.autoscale
        message.autoscale.CopyFrom(
            capacity_pb2.Autoscale(min=scale.min, max=scale.max, cpu_percent=scale.cpu_percent)
        )
    if value.workload is not None:
        work = value.workload
        message.workload.CopyFrom(
            capacity_pb2.Workload(
                image=work.image,
                requests=work.requests,
                limits=work.limits,
                port=work.port,
                args=work.args,
            )
        )
    return message


def _organization(value: capacity.Organization) -> capacity_pb2.OrganizationCapacity:
    return capacity_pb2.OrganizationCapacity(
        quota=value.quota,
        overhead_per_project=value.overhead_per_project,
        burst_ratio=value.burst_ratio,
        container=_container(value.container),
        public_ips=value.public_ips,
        object_storage_gb=value.object_storage_gb,
        suspended_quota=value.suspended_quota,
    )


def _container(value: capacity.ContainerLimits) -> capacity_pb2.ContainerLimits:
    return capacity_pb2.ContainerLimits(
        default_limits=value.default_limits,
        default_requests=value.default_requests,
        max=value.max,
        min=value.min,
        max_pod=value.max_pod,
        max_volume_claim=value.max_volume_claim,
        min_volume_claim=value.min_volume_claim,
    )
