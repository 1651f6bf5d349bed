"""What the signature of a quote says, and the canonical form of what was priced. Pure.

docs/pricing.md shows others how to compute the hash: change nothing here without a new ``v``.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from services.chassis.money import Money
from services.pricing.canonical import Json, digest, plain
from services.pricing.objects import QuotedObject
from services.pricing.quotes import DeploymentQuote, PlanQuote, Quote
from services.pricing.sizes import EXACT

FORM = 1
_GIB = Decimal(1 << 30)


@dataclass(frozen=True, slots=True)
class QuoteClaims:
    """What is signed of a quote; times are whole seconds. ``owner`` is whom it was given to.

    ``catalog_version`` and ``rate_card_version`` are empty where none was used.
    """

    quote: str
    owner: str
    spec_hash: str
    total: Money
    catalog_version: str
    rate_card_version: str
    payment_required: bool
    issue_time: datetime
    expire_time: datetime


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public Ed25519 key; ``x`` is base64url without padding."""

    key_id: str
    x: str


@dataclass(frozen=True, slots=True)
class Verified:
    """Claims whose signature holds, and the key that made it."""

    claims: QuoteClaims
    key_id: str


def claims_of(quote: Quote) -> QuoteClaims:
    """Return what is signed of a quote."""
    catalog, card = _versions(quote)
    return QuoteClaims(
        quote=quote.name,
        owner=quote.owner,
        spec_hash=spec_hash(quote),
        total=quote.amount,
        catalog_version=catalog,
        rate_card_version=card,
        payment_required=quote.payment_required,
        issue_time=quote.create_time.replace(microsecond=0),
        expire_time=quote.expire_time.replace(microsecond=0),
    )


def spec_hash(quote: Quote) -> str:
    """Return the digest of what was priced."""
    if isinstance(quote.subject, PlanQuote):
        return digest(_plan_form(quote.subject))
    return digest(_deployment_form(quote.subject))


def _versions(quote: Quote) -> tuple[str, str]:
    if isinstance(quote.subject, PlanQuote):
        return quote.subject.catalog_version, ""
    bound = quote.subject.object
    return bound.catalog_version if bound else "", quote.subject.cost.rate_card_version


def _plan_form(quote: PlanQuote) -> Json:
    return {
        "v": FORM,
        "kind": "plan",
        "plan": quote.plan,
        "addons": [[name, quantity] for name, quantity in quote.addons],
        "currency": quote.lines[0].unit.currency,
        "interval": quote.interval.value,
        "trialDays": quote.trial_days,
    }


def _deployment_form(quote: DeploymentQuote) -> Json:
    priced = quote.deployment
    return {
        "v": FORM,
        "kind": "deployment",
        "cloud": priced.cloud,
        "region": priced.region,
        "hours": plain(priced.hours),
        "backupPlan": priced.backup_plan,
        "features": sorted(priced.features),
        "commitment": priced.commitment.name if priced.commitment else "",
        "coupon": priced.coupon,
        "resources": [
            {
                "type": one.type,
                "cpu": plain(one.cpu),
                "memory": plain(EXACT.multiply(one.memory, _GIB)),
                "storage": plain(EXACT.multiply(one.storage, _GIB)),
                "replicas": one.replicas,
            }
            for one in priced.resources
        ],
        "object": _object_form(quote.object) if quote.object else None,
    }


def _object_form(bound: QuotedObject) -> Json:
    return {
        "apiVersion": bound.api_version,
        "kind": bound.kind,
        "namespace": bound.namespace,
        "name": bound.name,
        "spec": bound.spec_hash,
    }
