"""Notes which subscriptions have to give way, as an account is brought into line.

Noting decides nothing: that needs a while, and fresh news (``giving_back``).
"""

from collections.abc import Sequence

from services.subscription.auditing import Actor, Alert, Change
from services.subscription.domain import GivingWay, Reason
from services.subscription.ports import Store


async def note_rivals(
    store: Store, noted: Sequence[GivingWay], found: Sequence[GivingWay], actor: Actor
) -> tuple[Alert, ...]:
    """Write what changed of a locked account; what was decided on stays.

    Returns an alert for each that was not known.
    """
    alerts = []
    before = {row.subscription: row for row in noted}
    for row in found:
        if row != before.get(row.subscription):
            await store.save_giving_way(row)
            await store.audit(rival_change(actor, "subscription.rival", row))
        if row.subscription not in before:
            alerts.append(rival_alert("TWO_RIVALS_BILL", row))
    still = {row.subscription for row in found}
    for row in noted:
        if not row.decided and row.subscription not in still:
            await store.drop_giving_way(row.subscription)
            await store.audit(rival_change(actor, "subscription.rival_no_more", row))
    return tuple(alerts)


def rival_alert(reason: str, row: GivingWay, *more: tuple[str, str]) -> Alert:
    """Return what a person is told of a subscription that has to give way."""
    details = (
        ("provider_subscription", row.key.provider_subscription_id),
        ("gives_way_to", row.to),
    )
    return Alert(reason, row.subscription, (*details, *more))


def rival_change(actor: Actor, action: str, row: GivingWay, *more: tuple[str, str]) -> Change:
    """Return the audit line of a subscription that has to give way."""
    details = (
        ("account", row.account),
        ("gives_way_to", row.to),
        ("paid_since", row.paid_since.isoformat()),
    )
    return Change(actor, action, row.subscription, Reason.GAVE_WAY, (*details, *more))
