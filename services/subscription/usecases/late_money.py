"""Asks once more for what was given back, if money for it arrives afterwards.

A provider leaves open the invoices of a subscription that has ended, and a transfer may be on its
way: it is collected for nothing, and goes back as well. Invoices are counted, so one that is told
of twice asks for nothing, nor does one that was known when the money was asked for.
"""

from services.subscription.auditing import Actor, Change
from services.subscription.ports import Store
from services.subscription.units import Holdings

_REASON = "PAID_LATE"


async def ask_for_late_money(store: Store, holdings: Holdings, actor: Actor) -> None:
    """Note what of a locked account is to be given back again; most have nothing of the kind.

    What is left to give back is for payments to find out, as the first time.
    """
    ways = [row.subscription for row in holdings.giving_way if row.decided]
    if not ways and not any(one.refunding for one in holdings.purchases):
        return
    account = holdings.account.name
    for name in await store.ask_again(account, ways):
        await store.audit(Change(actor, "refund.again", name, _REASON, (("account", account),)))
