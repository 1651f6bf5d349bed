"""Takes the facts that payments and the provisioner deliver, each once, in whatever order.

What pricing has to say of a fact is asked first; what it changes is written then, in a transaction
in which the account is brought into line once, however many facts of it came together.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.chassis.facts import FactRecord
from services.chassis.ids import Ids
from services.subscription.auditing import Actor, Alert, Change
from services.subscription.domain import (
    Observation,
    Purchase,
    PurchaseStatus,
    Reason,
    Snapshot,
    key_of_seen,
    purchase_name,
)
from services.subscription.incoming import (
    CheckoutPaid,
    InvoicePaid,
    InvoicePaymentFailed,
    Payer,
    ProviderSubscription,
)
from services.subscription.offers import Appraisal
from services.subscription.ports import Pricing, Store, SubscriptionTransactions
from services.subscription.usecases.appraising import AskedOnce, PricesInForce, appraise
from services.subscription.usecases.owners import find_owner, why_unknown
from services.subscription.usecases.quoting import bar_of
from services.subscription.usecases.settling import purchase_change, settle

Alerts = tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class Envelope:
    """A fact as it was delivered, and the service that delivered it."""

    record: FactRecord
    source: str

    @property
    def actor(self) -> Actor:
        """The service, in the trace of the transaction that made the fact true."""
        parts = self.record.traceparent.split("-")
        return Actor(self.source, parts[1] if len(parts) == 4 else "")


@dataclass(frozen=True, slots=True)
class Taken:
    """What was written of a fact: whose account has to be brought into line, if anybody's."""

    envelope: Envelope
    alerts: Alerts = ()
    owner: str = ""
    receive_time: datetime | None = None


Write = Callable[[Store], Awaitable[Taken]]
"""Writes a fact that is new; the account is not brought into line yet."""
PurchaseFact = CheckoutPaid | ProviderSubscription | InvoicePaid
"""Facts of what one purchase is made of."""


async def take_purchase(
    tx: SubscriptionTransactions,
    pricing: Pricing,
    ids: Ids,
    facts: Sequence[tuple[Envelope, PurchaseFact]],
    known: PricesInForce,
) -> Alerts:
    """Take facts of one service in their order, all of them or none, each once."""
    asked = AskedOnce(pricing, known)
    writes: dict[str, Write] = {}
    for envelope, fact in facts:
        match fact:
            case CheckoutPaid():
                write = await _checkout(asked, ids, envelope, fact)
            case ProviderSubscription():
                write = await _provider_subscription(tx, asked, ids, envelope, fact)
            case InvoicePaid():
                write = _invoice(ids, envelope, fact)
            case _:
                assert_never(fact)
        writes[envelope.record.id] = write
    records = [envelope.record for envelope, _ in facts]
    source = facts[0][0].source

    async def apply(store: Store) -> Alerts:
        fresh = await store.remember_all(records, source)
        taken = [await write(store) for name, write in writes.items() if name in fresh]
        alerts: Alerts = sum((one.alerts for one in taken), ())
        # Accounts in the order of their names: whoever has several locks them in this order.
        for owner in sorted({one.owner for one in taken if one.owner}):
            account = await store.lock_account(owner)
            if account is None:
                continue
            of_owner = [one for one in taken if one.owner == owner]
            heard = [one.receive_time for one in of_owner if one.receive_time is not None]
            first = of_owner[0].envelope
            alerts += await settle(
                store,
                account,
                first.actor,
                traceparent=first.record.traceparent,
                receive_time=min(heard, default=None),
            )
        return alerts

    return await tx.run(apply)


async def _checkout(pricing: AskedOnce, ids: Ids, envelope: Envelope, fact: CheckoutPaid) -> Write:
    """Take a paid checkout: it begins a subscription, is to be given back, or is parked."""
    appraisal = await appraise(pricing, fact.payer.customer.provider, fact.items)
    barred = await bar_of(pricing.pricing, fact)

    async def write(store: Store) -> Taken:
        found = await find_owner(store, fact.payer, envelope.actor, offer=appraisal.offer, ids=ids)
        owner = found.account
        purchase = Purchase(
            name=purchase_name(fact),
            checkout=fact,
            account=owner,
            appraisal=appraisal,
            status=PurchaseStatus.PARKED,
            reason=appraisal.problem or ("" if owner else why_unknown(fact.payer)),
            create_time=await store.now(),
            fact_id=envelope.record.id,
            barred=barred,
        )
        if not await store.add_purchase(purchase):
            return Taken(envelope)
        alerts = found.disagreement(fact.payer, purchase.name)
        alerts += await _note_parked(store, envelope, purchase)
        await _park_if_waiting(store, envelope, fact.payer, owner, appraisal)
        return Taken(envelope, alerts, owner, fact.receive_time)

    return write


async def _note_parked(store: Store, envelope: Envelope, purchase: Purchase) -> Alerts:
    if not purchase.reason:
        return ()
    await store.audit(purchase_change(envelope.actor, purchase))
    details = (("checkout", purchase.checkout.checkout_id),)
    prices = ",".join(purchase.appraisal.unknown_prices)
    return (Alert(purchase.reason, purchase.name, (*details, ("prices", prices))),)


async def _provider_subscription(
    tx: SubscriptionTransactions,
    pricing: AskedOnce,
    ids: Ids,
    envelope: Envelope,
    fact: ProviderSubscription,
) -> Write:
    """Take a provider's subscription as it is now; one that is no newer changes nothing."""
    name = key_of_seen(fact).subscription_name
    sold = await tx.single(lambda store: store.sold(name))
    appraisal = await appraise(pricing, fact.payer.customer.provider, fact.items, sold)

    async def write(store: Store) -> Taken:
        owner = (await find_owner(store, fact.payer, envelope.actor, ids=ids)).account
        record = envelope.record
        snapshot = Snapshot(fact, record.revision, owner, appraisal, record.id)
        if not await store.put_snapshot(snapshot):
            return Taken(envelope)
        await store.audit(_snapshot_change(envelope, snapshot))
        await _park_if_waiting(store, envelope, fact.payer, owner, appraisal)
        return Taken(envelope, _snapshot_alerts(snapshot), owner)

    return write


def _snapshot_change(envelope: Envelope, snapshot: Snapshot) -> Change:
    details = (("account", snapshot.account), ("revision", str(snapshot.revision)))
    name = snapshot.key.subscription_name
    return Change(envelope.actor, "provider.subscription", name, snapshot.seen.status, details)


def _snapshot_alerts(snapshot: Snapshot) -> Alerts:
    problem = snapshot.appraisal.problem
    if not problem:
        return ()
    details = (
        ("provider_subscription", snapshot.seen.provider_subscription_id),
        ("prices", ",".join(snapshot.appraisal.unknown_prices)),
    )
    return (Alert(problem, snapshot.key.subscription_name, details),)


def _invoice(ids: Ids, envelope: Envelope, fact: InvoicePaid) -> Write:
    """Take a paid invoice: evidence of money for its subscription."""

    async def write(store: Store) -> Taken:
        owner = (await find_owner(store, fact.payer, envelope.actor, ids=ids)).account
        await store.add_invoice(fact, owner)
        details = (("account", owner), ("subscription", fact.provider_subscription_id))
        change = Change(
            envelope.actor, "invoice.paid", fact.invoice_id, fact.billing_reason, details
        )
        await store.audit(change)
        await _park_if_waiting(store, envelope, fact.payer, owner, Appraisal())
        return Taken(envelope, (), owner)

    return write


async def take_payment_failure(
    tx: SubscriptionTransactions, ids: Ids, envelope: Envelope, fact: InvoicePaymentFailed
) -> Alerts:
    """Record that a payment failed. That alone changes nothing."""

    async def apply(store: Store) -> Alerts:
        if not await store.remember(envelope.record, envelope.source):
            return ()
        owner = (await find_owner(store, fact.payer, envelope.actor, ids=ids)).account
        await store.add_failure(fact)
        details = (("account", owner), ("attempt", str(fact.attempt)))
        reason = fact.failure_code or "UNKNOWN"
        change = Change(envelope.actor, "payment.failed", fact.invoice_id, reason, details)
        await store.audit(change)
        return ()

    return await tx.run(apply)


async def take_observation(
    tx: SubscriptionTransactions, envelope: Envelope, fact: Observation
) -> None:
    """Take what the provisioner saw; what is no newer changes nothing."""
    seen = replace(fact, revision=envelope.record.revision)

    details = (("tenant", seen.tenant), ("generation", str(seen.generation)))
    change = Change(envelope.actor, "capacity.observed", seen.account, seen.phase, details)
    await tx.single(lambda store: store.put_observation(seen, change))


async def keep_unknown(tx: SubscriptionTransactions, envelope: Envelope) -> None:
    """Keep a fact of a type that this version does not know."""
    await tx.run(lambda store: store.keep_unknown(envelope.record, envelope.source))


async def _park_if_waiting(
    store: Store, envelope: Envelope, payer: Payer, owner: str, appraisal: Appraisal
) -> None:
    waiting = waits_for(envelope.record.key, payer, owner, appraisal)
    if waiting is not None:
        await store.park(envelope.record, waiting[0], waiting[1], envelope.source)


def waits_for(
    key: str, payer: Payer, owner: str, appraisal: Appraisal
) -> tuple[str, Reason] | None:
    """Return what a fact waits for and why; None if it waits for nothing that may still come."""
    if appraisal.unknown_prices:
        return f"price:{appraisal.unknown_prices[0]}", Reason.UNKNOWN_PRICE
    if owner:
        return None
    guest = not payer.customer.customer_id
    return key if guest else payer.customer.waiting_key, why_unknown(payer)
