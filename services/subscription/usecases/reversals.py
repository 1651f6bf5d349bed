"""Takes the fact that money of a payment went back, or came back after all."""

from services.chassis.ids import Ids
from services.subscription.auditing import Alert, Change
from services.subscription.incoming import PaymentReversed
from services.subscription.ports import Store, SubscriptionTransactions
from services.subscription.usecases.facts import Envelope
from services.subscription.usecases.owners import find_owner
from services.subscription.usecases.settling import settle


async def take_reversal(
    tx: SubscriptionTransactions, ids: Ids, envelope: Envelope, fact: PaymentReversed
) -> tuple[Alert, ...]:
    """Take a movement of money, once; what its payment granted is taken back, or given again.

    It is kept until the payment and its grant are known. It changes no entitlement by itself:
    whether a subscription goes on is the provider's to say.
    """

    async def apply(store: Store) -> tuple[Alert, ...]:
        if not await store.remember(envelope.record, envelope.source):
            return ()
        owner = await find_owner(store, fact.payer, envelope.actor, ids=ids)
        await store.add_reversal(fact)
        details = (("amount", str(fact.amount)), ("invoice", fact.invoice_id))
        change = Change(
            envelope.actor, f"payment.{fact.kind.lower()}", fact.reversal_id, fact.reason, details
        )
        await store.audit(change)
        account = await store.lock_account(owner.account) if owner.account else None
        if account is None:
            return ()
        return await settle(store, account, envelope.actor, traceparent=envelope.record.traceparent)

    return await tx.run(apply)
