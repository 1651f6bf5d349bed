"""Resources, as people read them."""

from services.subscription.asking import AccountView
from services.subscription.convert.assigning import to_proto_assignment
from services.subscription.convert.facts import PHASES
from services.subscription.convert.notices import to_proto_notice
from services.subscription.convert.values import (
    to_proto_addons,
    to_proto_capacity,
    to_proto_money,
    to_proto_state,
    to_timestamp,
)
from services.subscription.domain import (
    AccountKind,
    Observation,
    Order,
    ParkedFact,
    Purchase,
    PurchaseStatus,
    Subscription,
)
from services.subscription.incoming import Customer
from tollgate.subscription.v1 import subscription_pb2 as pb

_KINDS = {
    AccountKind.USER: pb.Account.KIND_USER,
    AccountKind.ORGANIZATION: pb.Account.KIND_ORGANIZATION,
    AccountKind.DID: pb.Account.KIND_DID,
}
_STATUSES = {
    PurchaseStatus.APPLIED: pb.Purchase.STATUS_APPLIED,
    PurchaseStatus.REFUND_DUE: pb.Purchase.STATUS_REFUND_DUE,
    PurchaseStatus.PARKED: pb.Purchase.STATUS_PARKED,
    PurchaseStatus.REFUNDED: pb.Purchase.STATUS_REFUNDED,
}


def to_proto_account(view: AccountView) -> pb.Account:
    """Write an account with its customers and notices."""
    account = view.account
    return pb.Account(
        name=account.name,
        kind=_KINDS[account.kind],
        external_id=account.external_id,
        email=account.email,
        customers=[_customer(customer) for customer in view.customers],
        create_time=to_timestamp(account.create_time),
        budget_notices=[to_proto_notice(notice) for notice in view.notices],
    )


def _customer(customer: Customer) -> pb.CustomerBinding:
    return pb.CustomerBinding(
        provider=customer.provider,
        provider_account=customer.provider_account,
        customer_id=customer.customer_id,
    )


def to_proto_subscription(subscription: Subscription) -> pb.Subscription:
    """Write a subscription."""
    offer, given = subscription.offer, subscription.assignment
    return pb.Subscription(
        name=subscription.name,
        account=subscription.account,
        plan=offer.plan,
        catalog_version=offer.catalog_version,
        state=to_proto_state(subscription.state),
        addons=to_proto_addons(offer.addons),
        provider=subscription.key.provider,
        provider_subscription_id=subscription.key.provider_subscription_id,
        period_start=to_timestamp(subscription.period_start),
        period_end=to_timestamp(subscription.period_end),
        create_time=to_timestamp(subscription.create_time),
        update_time=to_timestamp(subscription.update_time),
        begin_time=to_timestamp(subscription.begin_time),
        suspend_time=to_timestamp(subscription.suspend_time),
        trial_end_time=to_timestamp(subscription.trial_end_time),
        provider_customer_id=subscription.customer_id,
        plan_display_name=offer.terms.display_name,
        assignment=to_proto_assignment(given) if given else None,
    )


def to_proto_purchase(purchase: Purchase) -> pb.Purchase:
    """Write a purchase; while it is parked it is nobody's."""
    parked = purchase.status is PurchaseStatus.PARKED
    return pb.Purchase(
        name=purchase.name,
        checkout_id=purchase.checkout.checkout_id,
        account="" if parked else purchase.account,
        subscription=purchase.subscription,
        status=_STATUSES[purchase.status],
        reason=purchase.reason,
        total=to_proto_money(purchase.checkout.total),
        pay_time=to_timestamp(purchase.checkout.pay_time),
    )


def to_proto_order(order: Order, observation: Observation | None) -> pb.CapacityOrder:
    """Write an order with what was last seen."""
    return pb.CapacityOrder(
        account=order.account,
        incarnation=order.incarnation,
        epoch=order.epoch,
        generation=order.generation,
        phase=PHASES[order.phase],
        plan=order.plan,
        capacity=to_proto_capacity(order.capacity),
        observation=_observation(observation) if observation else None,
    )


def _observation(observation: Observation) -> pb.Observation:
    return pb.Observation(
        tenant=observation.tenant,
        generation=observation.generation,
        phase=observation.phase,
        reason=observation.reason,
        namespace=observation.namespace,
        observe_time=to_timestamp(observation.observe_time),
    )


def to_proto_parked(parked: ParkedFact) -> pb.ParkedFact:
    """Write a fact that waits."""
    return pb.ParkedFact(
        fact_id=parked.fact_id,
        type=parked.type,
        waiting_for=parked.waiting_for,
        reason=parked.reason,
        park_time=to_timestamp(parked.park_time),
    )
