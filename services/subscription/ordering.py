"""The order of an account: which subscription governs it, and what the cluster is to hold."""

from collections.abc import Sequence
from dataclasses import replace

from services.subscription.domain import (
    Account,
    AccountKind,
    Order,
    OrderedSubscription,
    Phase,
    Subscription,
)
from services.subscription.lifecycle import phase_of
from services.subscription.offers import CapacityKind


def next_order(
    account: Account, in_force: Sequence[Subscription], current: Order | None, *, epoch: int
) -> Order | None:
    """Return the order that has to be given now, None if the one that stands says it already.

    ``in_force`` are the account's subscriptions that ever began, ``current`` the order of its
    newest incarnation. A deleted incarnation never comes back: running again opens the next one.
    """
    if not in_force:
        return None
    governing = max(in_force, key=_rank)
    phase = phase_of(governing)
    incarnation = _incarnation(current, phase)
    if phase is None or incarnation == 0:
        return None
    wanted = Order(
        account=account.name,
        incarnation=incarnation,
        epoch=epoch,
        generation=current.generation if current else 0,
        phase=phase,
        plan=governing.offer.plan,
        capacity=governing.offer.capacity,
        owner_subject=account.external_id if account.kind is AccountKind.USER else "",
        organization=account.external_id if account.kind is AccountKind.ORGANIZATION else "",
        holding=_told(governing),
    )
    if wanted == current:
        return None
    return replace(wanted, generation=account.generation + 1)


def _told(subscription: Subscription) -> OrderedSubscription:
    return OrderedSubscription(
        subscription=subscription.name,
        state=subscription.state,
        plan_display_name=subscription.offer.terms.display_name,
        addons=subscription.offer.addons,
        provider=subscription.key.provider,
        provider_subscription_id=subscription.key.provider_subscription_id,
        provider_customer_id=subscription.customer_id,
        begin_time=subscription.begin_time,
        suspend_time=subscription.suspend_time,
        trial_end_time=subscription.trial_end_time,
    )


def _rank(subscription: Subscription) -> tuple[bool, bool, bool, bool, float, str]:
    """Rank who governs: real capacity before entitlements, what runs before what does not, and of
    what runs what was bought before what was given by hand.
    """
    phase = phase_of(subscription)
    runs = phase is Phase.RUNNING
    begin = subscription.begin_time
    return (
        subscription.offer.capacity.kind is not CapacityKind.NOTHING,
        runs,
        phase is not Phase.DELETED,
        runs and subscription.assignment is None,
        begin.timestamp() if begin else 0.0,
        subscription.name,
    )


def _incarnation(current: Order | None, phase: Phase | None) -> int:
    """Return the incarnation that an order of this phase is for; 0 if there is none to order."""
    if current is None:
        return 0 if phase is Phase.DELETED else 1
    if current.phase is not Phase.DELETED:
        return current.incarnation
    return current.incarnation + 1 if phase is Phase.RUNNING else 0
