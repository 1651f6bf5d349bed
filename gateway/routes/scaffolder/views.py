"""What document 000 shows of an entitlement and of a price."""

from collections.abc import Mapping, Sequence

from gateway import figures
from gateway.ports import CostPart, Entitlement, Quote, ResourceCost, Upgrade
from gateway.states import WORDS

FREE = "none"
"""The billing status of who pays for nothing."""


def entitlement_view(held: Entitlement) -> Mapping[str, object]:
    """Return what is held, and, if that is not enough, why and what would be."""
    body: dict[str, object] = {
        "isValid": held.valid,
        "subscriptionTier": held.tier or None,
        "availableFeatures": list(held.features),
        "remainingCredits": held.remaining_credits,
        "nextBillingDate": figures.instant(held.next_billing_time),
        "billingStatus": WORDS[held.state].scaffolder if held.state else FREE,
    }
    if held.valid:
        return body
    body |= {"reason": held.reason, "message": held.message}
    if held.missing_features:
        body["missingFeatures"] = list(held.missing_features)
    if held.upgrade:
        body["upgrade"] = _upgrade(held.upgrade)
    return body


def _upgrade(upgrade: Upgrade) -> Mapping[str, object]:
    price = upgrade.price
    return {
        "plan": upgrade.plan,
        "displayName": upgrade.display_name,
        "tier": upgrade.tier,
        "price": figures.amount(price.amount) if price else None,
        "currency": price.amount.currency.upper() if price else None,
        "interval": price.interval if price else None,
    }


def price_view(quote: Quote) -> Mapping[str, object]:
    """Return a price with its parts, which add up to it."""
    return {
        "totalCost": figures.amount(quote.total),
        "monthlyCost": figures.amount(quote.monthly),
        "breakdown": {
            "resources": [_resource(one) for one in quote.resources],
            "components": _components(quote.components),
        },
        "currency": quote.total.currency.upper(),
        "region": quote.region,
        "quoteId": quote.name,
        "expiresAt": figures.instant(quote.expire_time),
        "requiresPayment": quote.payment_required,
    }


def _resource(cost: ResourceCost) -> Mapping[str, object]:
    return {
        "type": cost.type,
        "cost": figures.amount(cost.amount),
        "monthlyCost": figures.amount(cost.monthly),
        "components": _components(cost.parts),
    }


def _components(parts: Sequence[CostPart]) -> Mapping[str, object]:
    return {part.component: figures.amount(part.amount) for part in parts}
