"""What follows a charge that succeeded: a dispute, a fraud warning, a review, as its card says."""

from deploy.sandbox.stripe.cards import Card
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.resources import disputes, early_fraud_warnings, reviews
from deploy.sandbox.stripe.shapes import JsonObject


def follow(context: Context, charge: JsonObject, card: Card) -> None:
    """What the card's owner and the provider do about a charge, which may change in place."""
    if card.review:
        reviews.open_for(context, charge)
    if not charge["captured"]:
        return
    if card.fraud_warning:
        early_fraud_warnings.make(context, charge)
    if card.dispute is not None:
        disputes.open_for(context, charge, card.dispute, inquiry=card.inquiry)
