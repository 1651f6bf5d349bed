"""Whether a payment is what had been quoted: asked of pricing before the transaction."""

from dataclasses import replace
from functools import partial

from services.chassis.errors import FailedPrecondition, NotFound
from services.chassis.money import Money
from services.subscription.auditing import Actor, Alert
from services.subscription.domain import Reason
from services.subscription.incoming import CheckoutPaid
from services.subscription.ports import Pricing, Quote, Store, SubscriptionTransactions
from services.subscription.usecases.settling import settle

BATCH = 100
ACTOR = Actor("subscription")
_EXPIRED = "QUOTE_EXPIRED"


async def bar_of(pricing: Pricing, paid: CheckoutPaid) -> str:
    """Return why this payment may begin nothing; empty if it may, as far as its quote goes.

    QUOTE_MISMATCH is for good. UNKNOWN_QUOTE is asked again later: an answer of "not found" may
    mean that pricing has lost something, and gives no money back. A payment without a quote was
    made elsewhere and is judged by what it bought.
    """
    if not paid.quote:
        return ""
    try:
        quote = await pricing.get_quote(paid.quote)
    except NotFound:
        return Reason.UNKNOWN_QUOTE
    if not _agrees(quote, paid):
        return Reason.QUOTE_MISMATCH
    return "" if quote.taker else await _take(pricing, quote, paid)


def _agrees(quote: Quote, paid: CheckoutPaid) -> bool:
    subtotal = paid.subtotal or Money.zero(quote.amount.currency)
    same_owner = quote.owner == paid.payer.account_id
    return subtotal == quote.amount and same_owner and quote.taker in ("", paid.operation_id)


async def _take(pricing: Pricing, quote: Quote, paid: CheckoutPaid) -> str:
    """Take a quote that was paid before it was taken, so that nothing else takes it."""
    try:
        await pricing.take_quote(quote.name, paid.operation_id, paid=True)
    except FailedPrecondition as refusal:
        # The page was shut when the quote expired, so it was paid in time.
        return "" if refusal.reason == _EXPIRED else Reason.QUOTE_MISMATCH
    return ""


async def retry_unknown_quotes(tx: SubscriptionTransactions, pricing: Pricing) -> tuple[Alert, ...]:
    """Judge again what waits for a quote that pricing did not know; at most 100 in one go."""
    alerts: tuple[Alert, ...] = ()
    for purchase in await tx.single(lambda store: store.unquoted(BATCH)):
        barred = await bar_of(pricing, purchase.checkout)
        if barred != Reason.UNKNOWN_QUOTE:
            alerts += await tx.run(partial(_judge, name=purchase.name, barred=barred))
    return alerts


async def _judge(store: Store, *, name: str, barred: str) -> tuple[Alert, ...]:
    found = await store.purchase(name)
    account = await store.lock_account(found.account) if found and found.account else None
    fresh = await store.purchase(name)
    if fresh is None or fresh.barred != Reason.UNKNOWN_QUOTE:
        return ()
    await store.save_purchase(replace(fresh, barred=barred))
    if account is None:
        return ()
    receive_time = fresh.checkout.receive_time
    return await settle(store, account, ACTOR, receive_time=receive_time)
