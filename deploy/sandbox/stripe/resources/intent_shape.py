"""The shape of a payment intent, for all that make one: calls, checkouts, invoices."""

from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id, token
from deploy.sandbox.stripe.shapes import JsonObject

KIND = "payment_intent"


def make(context: Context, amount: int, currency: str, given: JsonObject) -> JsonObject:
    """A new intent with its event; `given` overrides fields of the shape."""
    intent_id = new_id(KIND)
    intent: JsonObject = {
        "id": intent_id,
        "object": KIND,
        "allowed_payment_method_types": None,
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{intent_id}_secret_{token(25)}",
        "confirmation_method": "automatic",
        "created": context.now,
        "currency": currency.lower(),
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    } | given
    context.tx.save(KIND, intent)
    emit(context, "payment_intent.created", intent)
    return intent
