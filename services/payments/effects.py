"""The effects of a fetched object, inside one transaction: rows, and the facts that follow.

Money facts are appended once, whoever tells of them and however often; the state fact once for
each revision. A replay appends them again, since consumers count each by its id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.payments import binding as b
from services.payments.binding import Binding, Home, Operation, OperationKind, Verdict
from services.payments.commerce import PlaceState
from services.payments.domain import OperationId, RootKind
from services.payments.events import EventState, Judgement, StoredEvent
from services.payments.facts import (
    CheckoutPaid,
    Fact,
    InvoicePaid,
    InvoicePaymentFailed,
    MoneyFact,
    Payer,
    PaymentReversed,
    SubscriptionState,
)
from services.payments.ports import ShownObject, Store
from services.payments.snapshots import digest_of, summary_of
from services.payments.views import (
    InvoiceView,
    Projection,
    Proof,
    ReversalKind,
    ReversalView,
    View,
)

DONE = Judgement(EventState.DONE)
_REFUSED = {
    Verdict.OTHER_DEPLOYMENT: EventState.IGNORED,
    Verdict.OPERATION_UNKNOWN: EventState.FAILED,
    Verdict.OPERATION_MISMATCH: EventState.FAILED,
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """An event that the fetch answers for, and what it proves by itself."""

    event: StoredEvent
    proof: Proof


@dataclass(frozen=True, slots=True)
class SubscriptionSeen:
    """Where the subscription that a fetch showed stands.

    ``state`` is what the fetch saw, at the revision that its row has now, or None: no subscription
    was shown, or it is ``overtaken``, since a later fetch has written. ``raised``: it is news.
    """

    state: SubscriptionState | None = None
    raised: bool = False
    overtaken: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a fetch: where its events stand now, and its subscription."""

    judgement: Judgement
    subscription: SubscriptionSeen = SubscriptionSeen()


async def apply(
    store: Store,
    home: Home,
    projection: Projection,
    evidence: Sequence[Evidence],
    ticket: int,
    traceparent: str = "",
) -> Applied:
    """Write what a fetch showed and append its facts.

    Nothing is written for an object of another deployment, or with a marker of ours that no
    operation proves. Facts go on with the trace of the oldest event, or else with ``traceparent``.
    """
    bindings = await _bind_all(store, home, projection)
    for binding in bindings.values():
        if binding.verdict in _REFUSED:
            return Applied(Judgement(_REFUSED[binding.verdict], binding.verdict.value))
    replay = any(seen.event.replay for seen in evidence)
    payers = {view.id: _payer(home, view, bindings[view.id]) for view in projection.views}
    latest = await _save(store, home, projection, payers, ticket)
    facts = money_facts(projection, payers, bindings, evidence)
    facts += await _reversals(store, projection, payers, evidence)
    for fact in facts:
        if isinstance(fact, CheckoutPaid) and fact.operation_id:
            # From here on the account's holdings say that it has bought: it may open another page.
            await store.leave_place(OperationId(fact.operation_id), PlaceState.COMPLETE)
    new = await store.record_facts(facts)
    told: list[Fact] = [fact for fact in facts if replay or fact.id in new]
    if latest.state is not None and (latest.raised or replay):
        told.append(latest.state)
    if told:
        await store.append(told, evidence[0].event.traceparent if evidence else traceparent)
    return Applied(DONE, latest)


async def _bind_all(store: Store, home: Home, projection: Projection) -> Mapping[str, Binding]:
    found: dict[str, Binding] = {}
    operations: dict[str, Operation | None] = {}
    for view in projection.views:
        operation = await _operation(store, view, operations)
        found[view.id] = b.bind(view, operation, home)
        # Of other operations the worker writes down more than the id.
        made = operation is not None and operation.kind is OperationKind.CHECKOUT
        made = made and view.ref.kind is RootKind.CHECKOUT
        if operation is not None and made and found[view.id].verdict is Verdict.OURS:
            await store.operation_made(operation.id, view.id)
    return found


async def _operation(
    store: Store, view: View, known: dict[str, Operation | None]
) -> Operation | None:
    """Return the operation that an object names; what it began names the same one."""
    if view.marker is None:
        return None
    name = view.marker.operation_id
    if name not in known:
        known[name] = await store.operation(OperationId(name))
    return known[name]


def _payer(home: Home, view: View, binding: Binding) -> Payer:
    return Payer(
        provider=home.provider,
        provider_account=home.provider_account,
        customer_id=view.customer.id,
        email=view.customer.email,
        account_id=binding.account_id,
        identity=view.customer.identity,
    )


async def _save(
    store: Store,
    home: Home,
    projection: Projection,
    payers: Mapping[str, Payer],
    ticket: int,
) -> SubscriptionSeen:
    """Write each object unless a later fetch did; returns where the subscription stands.

    In the order of their names, so that two folds that share objects do not wait for each other.
    What a later fetch wrote has its revision: under that one, nothing older is ever told.
    """
    shown = [
        ShownObject(view.ref, digest_of(view, payers[view.id]), summary_of(view))
        for view in projection.views
    ]
    shown.sort(key=lambda one: one.ref)
    rows = await store.put_objects(home.provider, home.provider_account, ticket, shown)
    told = projection.subscription
    if told is None:
        return SubscriptionSeen()
    row = rows[[one.ref for one in shown].index(told.ref)]
    if row.overtaken:
        return SubscriptionSeen(overtaken=True)
    return SubscriptionSeen(SubscriptionState(told, payers[told.id], row.revision), row.raised)


def money_facts(
    projection: Projection,
    payers: Mapping[str, Payer],
    bindings: Mapping[str, Binding],
    evidence: Sequence[Evidence],
) -> list[MoneyFact]:
    """Name every money fact that the fetch and its events prove. Pure."""
    facts: list[MoneyFact] = []
    checkout = projection.checkout
    if checkout is not None and checkout.paid and (heard := _heard(projection, evidence)):
        facts.append(
            CheckoutPaid(
                checkout_id=checkout.id,
                payer=payers[checkout.id],
                items=checkout.items,
                subtotal=checkout.subtotal,
                total=checkout.total,
                pay_time=checkout.pay_time or _earliest_created(heard),
                receive_time=min(seen.event.receive_time for seen in heard),
                subscription_id=checkout.subscription_id,
                invoice_id=checkout.invoice_id,
                operation_id=bindings[checkout.id].operation_id,
                quote=bindings[checkout.id].quote,
            )
        )
    for invoice in projection.invoices:
        payer = payers[invoice.id]
        if invoice.paid:
            facts.append(_invoice_paid(invoice, payer))
        facts += _failures(invoice, payer, evidence)
    return facts


async def _reversals(
    store: Store,
    projection: Projection,
    payers: Mapping[str, Payer],
    evidence: Sequence[Evidence],
) -> list[MoneyFact]:
    """Name the movements of a refund or dispute.

    A refund that failed counts back only what was counted: one that was never seen as made needs
    nothing. A fold holds the lease of its object, so no other fold of it is half way.
    """
    view = projection.reversal
    if view is None or not evidence:
        return []
    told = [_reversal(view, payers[view.id], kind, evidence) for kind in view.movements]
    undone = replace(told[0], kind=ReversalKind.REFUND) if told else None
    if ReversalKind.REFUND_FAILED in view.movements and undone is not None:
        return [*told] if await store.fact_recorded(undone.id) else []
    return [*told]


def _reversal(
    view: ReversalView, payer: Payer, kind: ReversalKind, evidence: Sequence[Evidence]
) -> PaymentReversed:
    began = kind in (ReversalKind.REFUND, ReversalKind.DISPUTE)
    latest = max(seen.event.event.created for seen in evidence)
    return PaymentReversed(
        reversal_id=view.id,
        kind=kind,
        payer=payer,
        amount=view.amount,
        paid=view.paid,
        reverse_time=(view.time if began else None) or latest,
        invoice_id=view.invoice_id,
        subscription_id=view.subscription_id,
        checkout_id=view.checkout_id,
        reason=view.reason,
    )


def _heard(projection: Projection, evidence: Sequence[Evidence]) -> Sequence[Evidence]:
    """Return the evidence that is of the root object itself."""
    return [seen for seen in evidence if seen.event.event.root == projection.root]


def _earliest_created(evidence: Sequence[Evidence]) -> datetime:
    return min(seen.event.event.created for seen in evidence)


def _invoice_paid(invoice: InvoiceView, payer: Payer) -> InvoicePaid:
    return InvoicePaid(
        invoice_id=invoice.id,
        payer=payer,
        billing_reason=invoice.billing_reason,
        paid=invoice.amount_paid,
        pay_time=invoice.pay_time,
        period_start=invoice.period_start,
        period_end=invoice.period_end,
        subscription_id=invoice.subscription_id,
    )


def _failures(
    invoice: InvoiceView, payer: Payer, evidence: Sequence[Evidence]
) -> list[InvoicePaymentFailed]:
    """One fact for each attempt that an event tells of.

    The provider keeps the reason of the latest attempt only.
    """
    told = [
        seen.proof.attempt or invoice.attempts
        for seen in evidence
        if seen.proof.payment_failed and seen.event.event.object_id == invoice.id
    ]
    return [
        InvoicePaymentFailed(
            invoice_id=invoice.id,
            attempt=max(attempt, 1),
            payer=payer,
            subscription_id=invoice.subscription_id,
            failure_code=invoice.failure_code if attempt == invoice.attempts else "",
        )
        for attempt in sorted(set(told))
    ]
