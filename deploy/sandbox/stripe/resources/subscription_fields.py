"""What the calls for subscriptions take."""

from deploy.sandbox.stripe import discounts, params
from deploy.sandbox.stripe.resources import prices, subscription_items

DETAILS: params.Fields = {
    "comment": params.text(clearable=True),
    "feedback": params.one_of(
        "customer_service",
        "low_quality",
        "missing_features",
        "other",
        "switched_service",
        "too_complex",
        "too_expensive",
        "unused",
        clearable=True,
    ),
}
PRORATION = params.one_of("always_invoice", "create_prorations", "none")
TRIAL_SETTINGS = params.nested(
    {
        "end_behavior": params.nested(
            {
                "missing_payment_method": params.one_of(
                    "cancel", "create_invoice", "pause", required=True
                )
            },
            required=True,
        )
    }
)
PAYMENT_BEHAVIOR = params.one_of(
    "allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"
)
PAYMENT_SETTINGS = params.nested(
    {
        "payment_method_types": params.array(params.one_of("card"), clearable=True),
        "save_default_payment_method": params.one_of("off", "on_subscription"),
    }
)
COMMON: params.Fields = {
    "add_invoice_items": params.array(
        params.nested(
            {
                "metadata": params.metadata(),
                "price": params.text(required=True),
                "quantity": params.integer(),
            }
        ),
        most=20,
    ),
    "cancel_at": params.text(clearable=True),
    "cancel_at_period_end": params.boolean(),
    "collection_method": params.one_of("charge_automatically", "send_invoice"),
    "default_payment_method": params.text(clearable=True),
    "description": params.text(clearable=True, longest=500),
    "discounts": discounts.FIELDS,
    "metadata": params.metadata(),
    "off_session": params.boolean(),
    "payment_behavior": PAYMENT_BEHAVIOR,
    "payment_settings": PAYMENT_SETTINGS,
    "proration_behavior": PRORATION,
    "trial_end": params.text(),
    "trial_from_plan": params.boolean(),
    "trial_settings": TRIAL_SETTINGS,
}
CREATE: params.Fields = {
    **COMMON,
    "billing_mode": params.nested({"type": params.one_of("classic", "flexible", required=True)}),
    "currency": params.text(longest=3),
    "customer": params.text(required=True),
    "items": params.array(
        params.nested({**subscription_items.NEW, "price_data": params.nested(prices.AMOUNT)}),
        most=20,
    ),
    "trial_period_days": params.integer(least=1, most=730),
}
ANCHOR = params.nested({"type": params.one_of("now", "unchanged", required=True)})
UPDATE: params.Fields = {
    **COMMON,
    "billing_cycle_anchor": ANCHOR,
    "cancellation_details": params.nested(DETAILS),
    "items": params.array(params.nested(subscription_items.FIELDS), most=20),
    "pause_collection": params.nested(
        {
            "behavior": params.one_of("keep_as_draft", "mark_uncollectible", "void", required=True),
            "resumes_at": params.integer(),
        },
        clearable=True,
    ),
    "proration_date": params.integer(),
}
CANCEL: params.Fields = {
    "cancellation_details": params.nested(DETAILS),
    "invoice_now": params.boolean(),
    "prorate": params.boolean(),
}
PAUSE: params.Fields = {
    "bill_for": params.nested(
        {
            "outstanding_usage_through": params.nested(
                {"type": params.one_of("none", "now", required=True)}
            ),
            "unused_time_from": params.nested(
                {"type": params.one_of("item_current_period_start", "none", "now", required=True)}
            ),
        }
    ),
    "invoicing_behavior": params.one_of("invoice", "pending_invoice_item"),
    "type": params.one_of("subscription"),
}
RESUME: params.Fields = {
    "billing_cycle_anchor": ANCHOR,
    "payment_behavior": params.one_of("resume_on_payment_attempt", "resume_on_payment_success"),
    "proration_behavior": PRORATION,
    "proration_date": params.integer(),
}
LIST: params.Fields = {
    **params.PAGING,
    "collection_method": params.one_of("charge_automatically", "send_invoice"),
    "created": params.time_range(),
    "customer": params.text(),
    "price": params.text(),
    "status": params.one_of(
        "active",
        "all",
        "canceled",
        "ended",
        "incomplete",
        "incomplete_expired",
        "past_due",
        "paused",
        "trialing",
        "unpaid",
    ),
    "test_clock": params.text(),
}
