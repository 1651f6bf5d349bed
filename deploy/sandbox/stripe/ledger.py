"""Balance transactions: what each charge, refund and dispute does to the account's balance."""

from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.shapes import JsonObject

KIND = "balance_transaction"
AVAILABLE_SECONDS = 2 * 86400
FEE_PERMILLE, FEE_FIXED = 29, 30  # of a charge, in minor units
DISPUTE_FEE = 1500
DESCRIPTIONS = {"processing": "Stripe processing fees", "dispute": "Dispute fee"}
CATEGORIES = {"adjustment": "dispute", "refund_failure": "refund_failure"}


def book(
    context: Context,
    subject: JsonObject,
    kind: str,
    amount: int,
    *,
    fee: int = 0,
    fee_of: str = "processing",
    description: str | None = None,
    category: str | None = None,
) -> JsonObject:
    """A movement of `amount` minor units (negative: out), caused by an object."""
    detail = {
        "amount": fee,
        "application": None,
        "currency": subject["currency"],
        "description": DESCRIPTIONS[fee_of],
        "type": "stripe_fee",
    }
    made: JsonObject = {
        "id": new_id(KIND),
        "object": KIND,
        "amount": amount,
        "available_on": context.now + (AVAILABLE_SECONDS if amount > 0 else 0),
        "balance_type": "payments",
        "created": context.now,
        "currency": subject["currency"],
        "description": description,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [detail] if fee else [],
        "net": amount - fee,
        "reporting_category": category or CATEGORIES.get(kind, kind),
        "source": subject["id"],
        "status": "pending" if amount > 0 else "available",
        "type": kind,
    }
    return context.tx.save(KIND, made)


def charge_fee(amount: int) -> int:
    """What the provider keeps of a captured amount, in minor units."""
    return (amount * FEE_PERMILLE + 999) // 1000 + FEE_FIXED


def book_charge(context: Context, charge: JsonObject) -> None:
    """Book a charge's captured amount; the charge, which changes in place, names the movement."""
    amount = charge["amount_captured"]
    made = book(
        context,
        charge,
        "charge",
        amount,
        fee=charge_fee(amount),
        description=charge["description"],
    )
    charge["balance_transaction"] = made["id"]
    context.tx.save("charge", charge)
