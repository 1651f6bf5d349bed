"""An invoice from its draft to its end: lines, totals, number, payment."""

from collections.abc import Sequence

from deploy.sandbox.stripe import discounts, lifecycle
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.errors import StripeError, invalid
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.invoice_shapes import added_line, item_line, shape
from deploy.sandbox.stripe.resources import invoice_items, invoice_payments
from deploy.sandbox.stripe.shapes import JsonObject, copy_of, difference, listing

DRAFT_SECONDS = 3600  # how long a renewal's invoice stays a draft
KIND = "invoice"


def draft(
    context: Context,
    customer: JsonObject,
    subscription: JsonObject,
    reason: str,
    items: Sequence[JsonObject] | None = None,
    period_start: int | None = None,
    *,
    agreed: Sequence[JsonObject] | None = None,
) -> JsonObject:
    """A draft for the current period of a subscription's items, with its event.

    `items`: only these of them; all if None. What waits for the next invoice comes with it. A
    discount for one invoice is used up: it leaves the subscription, which changes in place.
    `period_start`: where the period that is over began, which makes it a renewal's: it stays a
    draft for an hour. `agreed`: the invoice items of a purchase whose amount was agreed: only
    they come in, not what else waits and not the customer's balance; `finalize` must be told too.
    """
    invoice_id = new_id(KIND)
    currency = subscription["currency"]
    wanted = subscription["items"]["data"] if items is None else items
    trial = subscription["status"] == "trialing"
    lines = [item_line(context, invoice_id, at, currency, trial=trial) for at in wanted]
    waiting = agreed
    if waiting is None:
        waiting = invoice_items.pending(context, customer["id"], currency, subscription["id"])
    lines = [*(added_line(context, invoice_id, at) for at in waiting), *lines]
    invoice = shape(context, invoice_id, customer, currency, subscription)
    names = discounts.active(context, subscription["discounts"])
    invoice |= {
        "billing_reason": reason,
        "discounts": names if lines else [],
        "lines": listing(lines, f"/v1/invoices/{invoice_id}/lines"),
    }
    if period_start is not None:
        advances = _advances(subscription)
        invoice |= {
            "auto_advance": advances,
            "automatically_finalizes_at": context.now + DRAFT_SECONDS if advances else None,
            "period_start": period_start,
        }
    discounts.take_off(context, lines, names)
    _use_up(context, subscription, lines, names)
    _remember(context, subscription, invoice)
    return _keep(context, invoice, customer, waiting, alone=agreed is not None)


def _advances(subscription: JsonObject) -> bool:
    """Whether a renewal's draft is finalised by itself."""
    paused = (subscription["pause_collection"] or {}).get("behavior")
    return subscription["status"] != "unpaid" and paused != "keep_as_draft"


def manual(
    context: Context,
    customer: JsonObject,
    currency: str,
    names: Sequence[str],
    *,
    waiting: bool,
) -> JsonObject:
    """A draft made by hand, `waiting`: of all that waits for the customer's next invoice."""
    invoice_id = new_id(KIND)
    found = invoice_items.pending(context, customer["id"], currency, None) if waiting else []
    lines = [added_line(context, invoice_id, at) for at in found]
    invoice = shape(context, invoice_id, customer, currency, None)
    invoice |= {
        "auto_advance": False,
        "billing_reason": "manual",
        "discounts": list(names),
        "lines": listing(lines, f"/v1/invoices/{invoice_id}/lines"),
    }
    discounts.take_off(context, lines, names)
    return _keep(context, invoice, customer, found, alone=False)


def _keep(
    context: Context,
    invoice: JsonObject,
    customer: JsonObject,
    waiting: Sequence[JsonObject],
    *,
    alone: bool,
) -> JsonObject:
    total_up(invoice, 0 if alone else customer["balance"])
    for item in waiting:
        context.tx.save(invoice_items.KIND, {**item, "invoice": invoice["id"]})
    context.tx.save(KIND, invoice)
    emit(context, "invoice.created", invoice)
    return invoice


def _use_up(
    context: Context, subscription: JsonObject, lines: Sequence[JsonObject], names: Sequence[str]
) -> None:
    """Discounts that are over, or were for this one invoice, leave the subscription."""
    billed = any(line["amount"] > 0 for line in lines)
    subscription["discounts"] = discounts.lasting(context, names) if billed else list(names)


def _remember(context: Context, subscription: JsonObject, invoice: JsonObject) -> None:
    """Note what each item was billed for its period: what a later change gives back."""
    known = lifecycle.notes(context, subscription["id"])
    for line in invoice["lines"]["data"]:
        details = line["parent"]["subscription_item_details"]
        if details is not None:
            known["items"][details["subscription_item"]] = {
                "amount": discounts.left(line),
                "invoice": invoice["id"],
                "line": line["id"],
                **line["period"],
            }
    context.tx.save(lifecycle.NOTES, known)


def total_up(invoice: JsonObject, balance: int) -> None:
    """Set the sums of an invoice from its lines and a balance: negative is to the customer's good.

    Both in minor units.
    """
    lines = invoice["lines"]["data"]
    subtotal = sum(line["amount"] for line in lines)
    taken: dict[str, int] = {}
    for line in lines:
        for at in line["discount_amounts"]:
            taken[at["discount"]] = taken.get(at["discount"], 0) + at["amount"]
    total = subtotal - sum(taken.values())
    due = max(total + balance, 0)
    invoice |= {
        "amount_due": due,
        "amount_remaining": due,
        "starting_balance": balance,
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "total": total,
        "total_discount_amounts": [
            {"amount": amount, "discount": name} for name, amount in taken.items()
        ],
        "total_excluding_tax": total,
    }


def finalize(
    context: Context, invoice: JsonObject, customer: JsonObject, *, alone: bool = False
) -> None:
    """Give a draft its number and open it; both change in place. `alone`: its amount
    was agreed (see `draft`), so that the customer's balance stays out of it."""
    if invoice["status"] != "draft":
        message = "This invoice is already finalized, you can't re-finalize a non-draft invoice."
        raise invalid(message, code="invoice_not_editable")
    before = dict(customer)
    total_up(invoice, 0 if alone else customer["balance"])
    sequence = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] = sequence + 1
    if not alone:
        customer["balance"] = min(invoice["total"] + customer["balance"], 0)
    context.tx.save("customer", customer)
    if before["balance"] != customer["balance"]:
        emit(context, "customer.updated", customer, difference(before, customer))
    invoice |= {
        "auto_advance": False,
        "automatically_finalizes_at": None,
        "effective_at": context.now,
        "ending_balance": 0 if alone else customer["balance"],
        "hosted_invoice_url": f"{context.url}/invoices/{invoice['id']}",
        "number": f"{customer['invoice_prefix']}-{sequence:04d}",
        "status": "open",
    }
    invoice["status_transitions"]["finalized_at"] = context.now
    context.tx.save(KIND, invoice)
    emit(context, "invoice.finalized", invoice)


def pay(
    context: Context,
    invoice: JsonObject,
    intent: JsonObject | None,
    *,
    tried: bool | None = None,
) -> None:
    """Close an open invoice as paid; `intent` is None where nothing was due.

    `tried`: whether a payment was attempted; an intent is one unless said otherwise.
    """
    before = copy_of(invoice)
    attempts = 1 if (intent is not None if tried is None else tried) else 0
    invoice |= {
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
        "attempt_count": before["attempt_count"] + attempts,
        "attempted": True,
        "auto_advance": False,
        "next_payment_attempt": None,
        "status": "paid",
    }
    invoice["status_transitions"]["paid_at"] = context.now
    context.tx.save(KIND, invoice)
    payment = invoice_payments.make(context, invoice, intent) if intent else None
    emit(context, "invoice.updated", invoice, difference(before, invoice))
    emit(context, "invoice.paid", invoice)
    emit(context, "invoice.payment_succeeded", invoice)
    if payment is not None:
        emit(context, "invoice_payment.paid", payment)
    lifecycle.paid(context, invoice)


def void(context: Context, invoice: JsonObject) -> JsonObject:
    """Void an open invoice: it never was."""
    return _close(context, invoice, "void", "voided_at", "invoice.voided")


def give_up(context: Context, invoice: JsonObject) -> JsonObject:
    """Mark an open invoice uncollectible."""
    words = ("uncollectible", "marked_uncollectible_at", "invoice.marked_uncollectible")
    return _close(context, invoice, *words)


def _close(
    context: Context, invoice: JsonObject, status: str, moment: str, kind: str
) -> JsonObject:
    if invoice["status"] not in ("open", "uncollectible") or invoice["status"] == status:
        raise wrong_state(invoice, f"be made {status}")
    before = copy_of(invoice)
    invoice |= {"auto_advance": False, "next_payment_attempt": None, "status": status}
    invoice["status_transitions"][moment] = context.now
    context.tx.save(KIND, invoice)
    emit(context, "invoice.updated", invoice, difference(before, invoice))
    emit(context, kind, invoice)
    return invoice


def wrong_state(invoice: JsonObject, verb: str) -> StripeError:
    """A call that an invoice's status does not allow."""
    message = f"This invoice cannot {verb} because it has a status of {invoice['status']}."
    return invalid(message, code="invoice_not_editable")
