"""An account's state, computed from all its objects: the same whatever order they came in.

A unit is what one subscription is bought through: a provider's subscription with its checkout and
invoices, a single checkout, or an assignment. Where two units of one account that were paid rival
for its capacity, the one that was taken first keeps it; the other's money is to be given back. One
that was taken while the first rested stays, once that goes on: the one bought before gives way. An
assignment rivals nothing that was paid: it rests while that runs (``ordering``).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.subscription.auditing import Alert
from services.subscription.domain import (
    GivingWay,
    Order,
    Phase,
    Purchase,
    PurchaseStatus,
    Reason,
    State,
    Subscription,
    UnitKey,
)
from services.subscription.lifecycle import (
    Standing,
    may_become,
    phase_of,
    standing_of,
)
from services.subscription.offers import Offer, rivals
from services.subscription.ordering import next_order
from services.subscription.units import Holdings, Unit, units_of


class ImpossibleTransition(Exception):  # noqa: N818 - reads as what it is
    """The table does not lead from one state to the other: a defect here, never bad input."""


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What has to be written so that the account is as its objects say; empty if it is.

    ``giving_way`` is not what changed but all that has to give way and was not decided on yet.
    """

    subscriptions: Sequence[Subscription] = ()
    purchases: Sequence[Purchase] = ()
    order: Order | None = None
    alerts: Sequence[Alert] = ()
    giving_way: Sequence[GivingWay] = ()


def reckon(holdings: Holdings, *, now: datetime, epoch: int, permit: bool = False) -> Reckoning:
    """Return what has to change in the account.

    ``now`` is the database's time. Only with ``permit``, which the retention timer alone gives,
    does a grace that is over count as over.
    """
    units = units_of(holdings)
    _judge(units)
    current = {sub.name: sub for sub in holdings.subscriptions}
    for unit in units:
        made = _subscription(unit, holdings.account.name, now=now, permit=permit)
        if made is not None:
            current[made.name] = made
    in_force = [sub for sub in current.values() if sub.begin_time is not None]
    order = next_order(holdings.account, in_force, holdings.order, epoch=epoch)
    purchases = [(unit.purchase, _became(unit)) for unit in units if unit.purchase]
    changed = [after for before, after in purchases if before != after]
    return Reckoning(
        subscriptions=_changed(holdings.subscriptions, current.values()),
        purchases=changed,
        order=order,
        alerts=_purchase_alerts(changed),
        giving_way=giving_way(in_force),
    )


def giving_way(in_force: Iterable[Subscription]) -> Sequence[GivingWay]:
    """Return what has to give way: of rivals that run, all but the one that was bought last.

    Each gives way to the next that was bought. What no provider's subscription stands behind bills
    nothing more, and so never does.
    """
    running = [sub for sub in in_force if _bills(sub)]
    if len(running) < 2:
        return []
    running.sort(key=_bought)
    found = []
    for place, sub in enumerate(running):
        kind = sub.offer.capacity.kind
        later = (one for one in running[place + 1 :] if rivals(one.offer.capacity.kind, kind))
        stays = next(later, None)
        if stays is not None and sub.key.provider_subscription_id:
            since = _bought(stays)[0]
            found.append(GivingWay(sub.name, sub.account, sub.key, stays.name, since))
    return found


def _bills(sub: Subscription) -> bool:
    paid_for = sub.begin_time is not None and sub.assignment is None
    return paid_for and phase_of(sub) is Phase.RUNNING


def _bought(sub: Subscription) -> tuple[datetime, str]:
    return sub.begin_time or sub.create_time, sub.name


def refusal_rests_on(holdings: Holdings, purchase: str) -> Sequence[UnitKey]:
    """Return what a purchase's refusal depends on: what is in its way, empty if nothing is.

    And itself, where what is in its way rests: then it is taken if the provider still bills it.
    """
    units = units_of(holdings)
    _judge(units)
    for unit in units:
        if unit.purchase is not None and unit.purchase.name == purchase and not unit.taken:
            holders = list(_holders(units, unit))
            rests = [unit.key] if holders and not all(one.live for one in holders) else []
            return [*(holder.key for holder in holders), *rests]
    return ()


def _judge(units: Sequence[Unit]) -> None:
    """Decide which units are taken: all that were before, then the earliest paid that may.

    Assignments are, and keep nothing from being taken that somebody paid for.
    """
    for unit in units:
        begun_before = unit.known is not None and unit.known.begin_time is not None
        unit.taken = begun_before or unit.assignment is not None
    for unit in units:
        if unit.taken or unit.offer is None or not unit.begun:
            continue
        unit.taken = not any(_holders(units, unit))


def _holders(units: Sequence[Unit], newcomer: Unit) -> Iterator[Unit]:
    bought = (other for other in units if other.taken and other.assignment is None)
    others = (other for other in bought if rivals(other.kind, newcomer.kind))
    return (rival for rival in others if _in_the_way(rival, newcomer))


def _in_the_way(holder: Unit, newcomer: Unit) -> bool:
    """Tell whether a unit that was taken keeps another from being taken.

    What was refused may have been given back by hand. It is taken after all only if the provider
    still bills it, or if it turns out that the two were never in force at the same time.
    """
    if not _overlap(holder, newcomer):
        return False
    if holder.live:
        return True
    billed = newcomer.snapshot is not None and newcomer.live
    return newcomer.refused and not billed


def _overlap(one: Unit, other: Unit) -> bool:
    return not (_ended_before(one, other) or _ended_before(other, one))


def _ended_before(one: Unit, other: Unit) -> bool:
    begin = other.paid_at
    return one.end is not None and begin is not None and one.end <= begin


def _subscription(unit: Unit, account: str, *, now: datetime, permit: bool) -> Subscription | None:
    offer = unit.offer
    refused = unit.begun and not unit.taken
    unseen = unit.known is None and (unit.barred or unit.waits)
    if offer is None or refused or unseen:
        return None
    known = unit.known or _new(unit.key, account, offer, now)
    standing, due, over_time = _grace(unit, offer, known, now=now, permit=permit)
    if not may_become(known.state, standing.state):
        raise ImpossibleTransition(known.name, known.state, standing.state)
    period_start, period_end = _period(unit, known)
    # Every field is named: copying an object field by field is half of an account's reckoning.
    made = Subscription(
        name=known.name,
        account=known.account,
        key=known.key,
        offer=offer,
        state=standing.state,
        create_time=known.create_time,
        update_time=known.update_time,
        period_start=period_start,
        period_end=period_end,
        begin_time=_begin(unit, known, now) if unit.taken else None,
        ending=standing.ending,
        due=due,
        over_time=over_time,
        suspend_time=_suspended_since(unit, known, standing, now),
        trial_end_time=unit.trial_end,
        customer_id=unit.customer_id,
        assignment=unit.assignment,
    )
    return replace(made, update_time=now) if made != known else made


def _new(key: UnitKey, account: str, offer: Offer, now: datetime) -> Subscription:
    return Subscription(key.subscription_name, account, key, offer, State.INCOMPLETE, now, now)


def _period(unit: Unit, known: Subscription) -> tuple[datetime | None, datetime | None]:
    if unit.assignment is not None:
        return unit.assignment.begin_time, unit.assignment.end_time
    if unit.snapshot is not None:
        return unit.snapshot.seen.period_start, unit.snapshot.seen.period_end
    return known.period_start, known.period_end


def _begin(unit: Unit, known: Subscription, now: datetime) -> datetime:
    """Return when it came to be in force: never later than was known before."""
    if unit.assignment is not None:
        return unit.assignment.begin_time
    started = unit.snapshot.seen.period_start if unit.snapshot else None
    times = [time for time in (unit.paid_at, known.begin_time) if time is not None]
    return min(times, default=started or now)


def _suspended_since(
    unit: Unit, known: Subscription, standing: Standing, now: datetime
) -> datetime | None:
    """Return since when it is suspended or over: kept while it stays so."""
    if not unit.taken or standing.phase in (None, Phase.RUNNING):
        return None
    if known.suspend_time is None and known.begin_time is not None:
        # An older version did not note it; its last change is the nearest that is known.
        was = phase_of(known) in (Phase.SUSPENDED, Phase.DELETED)
        return known.update_time if was else now
    return known.suspend_time or now


def _grace(
    unit: Unit, offer: Offer, known: Subscription, *, now: datetime, permit: bool
) -> tuple[Standing, datetime | None, datetime | None]:
    """Return the standing, when its grace ends, and when the timer found it over.

    A grace begins when its ending does and is not begun anew by a replay.
    """
    if not unit.taken:
        return Standing(unit.state, None), None, None
    state = unit.state
    fresh = standing_of(state, offer, over=False)
    if not fresh.timed:
        return fresh, None, None
    if known.ending is not fresh.ending or known.due is None:
        return fresh, now + offer.retention, None
    over_time = known.over_time or (now if permit and known.due <= now else None)
    standing = standing_of(state, offer, over=over_time is not None)
    if known.over and standing.phase is Phase.DELETED and phase_of(known) is not Phase.DELETED:
        # The plan's policy became deletion after a grace of another kind: that was no permit.
        return fresh, now + offer.retention, None
    return standing, known.due, over_time


def _became(unit: Unit) -> Purchase:
    purchase = unit.purchase
    assert purchase is not None, "only units with a purchase are asked"  # noqa: S101
    if not purchase.may_begin:
        return _barred(purchase)
    if unit.offer is None:
        return replace(purchase, status=PurchaseStatus.PARKED, reason=purchase.appraisal.problem)
    if not unit.taken:
        reason = Reason.ACCOUNT_HAS_SUBSCRIPTION
        return replace(purchase, status=PurchaseStatus.REFUND_DUE, reason=reason)
    name = unit.key.subscription_name
    applied = (PurchaseStatus.APPLIED, "", name)
    if (purchase.status, purchase.reason, purchase.subscription) == applied:
        return purchase
    return replace(purchase, status=PurchaseStatus.APPLIED, reason="", subscription=name)


def _barred(purchase: Purchase) -> Purchase:
    """Return a purchase that may begin nothing: to be given back, unless that is done already."""
    if purchase.status is PurchaseStatus.REFUNDED or purchase.refunding:
        return purchase
    unknown = purchase.barred == Reason.UNKNOWN_QUOTE
    status = PurchaseStatus.PARKED if unknown else PurchaseStatus.REFUND_DUE
    return replace(purchase, status=status, reason=purchase.barred)


def _changed(
    before: Sequence[Subscription], after: Iterable[Subscription]
) -> Sequence[Subscription]:
    known = {sub.name: sub for sub in before}
    return [sub for sub in after if known.get(sub.name) != sub]


def _purchase_alerts(changed: Sequence[Purchase]) -> Sequence[Alert]:
    return [
        Alert(purchase.reason, purchase.name, (("checkout", purchase.checkout.checkout_id),))
        for purchase in changed
        if purchase.status is not PurchaseStatus.APPLIED
    ]
