"""What document 000 shows of an entitlement and of a price."""

from collections.abc import Mapping, Sequence

from gateway import figures
from gateway.ports import (
    CostPart,
    DeploymentCost,
    Entitlement,
    PlaceOffer,
    Quote,
    ResourceCost,
    Schedule,
    Upgrade,
)
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


def quote_view(quote: Quote) -> dict[str, object]:
    """Return a price that is kept, with its parts."""
    return price_view(quote) | {
        "quoteId": quote.name,
        "expiresAt": figures.instant(quote.expire_time),
        "requiresPayment": quote.payment_required,
        "signature": quote.signature or None,
    }


def unsold_view(cost: DeploymentCost) -> dict[str, object]:
    """Return a price that cannot be kept, since it is not sold."""
    unkept = dict.fromkeys(("quoteId", "expiresAt", "requiresPayment", "signature"))
    return price_view(cost) | unkept


def comparison_view(offers: Sequence[PlaceOffer]) -> Mapping[str, object]:
    """Return what a deployment costs at each place."""
    return {
        "offers": [
            {
                "cloud": offer.cloud,
                "region": offer.region,
                "cost": price_view(offer.cost) if offer.cost else None,
                "missing": offer.missing or None,
            }
            for offer in offers
        ]
    }


def price_view(cost: DeploymentCost) -> dict[str, object]:
    """Return a price with its parts, which add up to it."""
    return {
        "totalCost": figures.amount(cost.total),
        "monthlyCost": figures.amount(cost.monthly),
        "breakdown": {
            "resources": [_resource(one) for one in cost.resources],
            "components": _components(cost.components),
        },
        "currency": cost.total.currency.upper(),
        "cloud": cost.cloud,
        "region": cost.region,
        "discounts": [
            {
                "kind": one.kind,
                "name": one.name,
                "amount": figures.amount(one.amount),
                "monthly": figures.amount(one.monthly),
            }
            for one in cost.discounts
        ],
        "schedule": _schedule(cost.schedule),
        "tax": "added-by-provider" if cost.taxed_by_provider else "unspecified",
    }


def _schedule(schedule: Schedule | None) -> Mapping[str, object] | None:
    if schedule is None:
        return None
    return {
        "upfront": figures.amount(schedule.upfront),
        "instalments": [figures.amount(one) for one in schedule.instalments],
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
