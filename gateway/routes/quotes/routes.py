"""What custom resources cost, whether one is what was quoted, and whether a signature holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from gateway import figures
from gateway.auth import SignedIn
from gateway.bodies import documented, needed, read_body, refusals, request_key
from gateway.ports import Commitment, Deployment, DeploymentCost, ObjectWish, Pricing, VerifiedQuote
from gateway.problems import json_response
from gateway.routes.quotes.models import (
    JwkSet,
    MatchAnswer,
    MatchBody,
    ObjectBody,
    ObjectPriceAnswer,
    PriceObjectBody,
    VerifiedAnswer,
    VerifyBody,
)
from gateway.routes.scaffolder.models import Refused
from gateway.routes.scaffolder.routes import PRICED_ONLY
from gateway.routes.scaffolder.views import quote_view, unsold_view
from services.chassis.callrate import CallRate
from services.chassis.errors import FailedPrecondition
from services.chassis.identity import Principal, acting

KEYS_PATH = "/.well-known/tollgate/quote-keys.json"
_KEPT_SECONDS = 300
_REFUSALS = refusals(
    Refused,
    {
        400: "The request is wrong, or no signature of ours; `fields` says where",
        401: "No valid token",
        403: "Somebody else's",
        404: "No such quote of yours, or a kind that no catalog prices",
        409: "Not what was quoted; `details` says which field",
        429: "Too many calls; `Retry-After` says when to come back",
        503: "A service cannot be reached",
        "default": "Any other refusal",
    },
)


@dataclass(frozen=True, slots=True)
class QuoteDesk:
    """Pricing, and how often one person may ask."""

    pricing: Pricing
    rate: CallRate


def quote_routes(desk: QuoteDesk) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["quotes"])

    async def counted(caller: SignedIn) -> Principal:
        desk.rate.take(caller)
        return caller

    counted_caller = Annotated[Principal, Depends(counted)]

    @router.post(
        "/api/tollgate/price-object",
        summary="What a custom resource costs, kept as a quote that is bound to it",
        response_model=ObjectPriceAnswer,
        openapi_extra=documented(PriceObjectBody),
        responses=_REFUSALS,
    )
    async def price_object(
        caller: counted_caller, request: Request, key: Annotated[str, Depends(request_key)]
    ) -> Response:
        body = await read_body(request, PriceObjectBody)
        with acting(caller):
            return json_response(await _price(desk.pricing, body, key))

    @router.post(
        "/api/tollgate/match-quote",
        summary="Whether a custom resource is what a quote was given for",
        response_model=MatchAnswer,
        openapi_extra=documented(MatchBody),
        responses=_REFUSALS,
    )
    async def match(caller: counted_caller, request: Request) -> Response:
        body = await read_body(request, MatchBody)
        with acting(caller):
            found = await desk.pricing.match(body.quoteId, _wish(body))
        answer = {"matches": True, "exact": found.exact, "specHash": found.spec_hash}
        return json_response(answer)

    @router.post(
        "/api/tollgate/verify-quote",
        summary="Whether the signature of a quote holds, and where the quote stands",
        response_model=VerifiedAnswer,
        openapi_extra=documented(VerifyBody),
        responses=_REFUSALS,
    )
    async def verify(caller: counted_caller, request: Request) -> Response:
        body = await read_body(request, VerifyBody)
        with acting(caller):
            return json_response(_verified(await desk.pricing.verify(body.signature)))

    @router.get(
        KEYS_PATH,
        summary="The public keys that signatures of quotes are checked with",
        response_model=JwkSet,
    )
    async def keys() -> Response:
        # Kept for a while by whoever checks: a new key is published before it signs.
        kept = {"Cache-Control": f"public, max-age={_KEPT_SECONDS}"}
        found = [dict(key) for key in await desk.pricing.quote_keys()]
        return json_response({"keys": found}, headers=kept)

    return router


async def _price(pricing: Pricing, body: PriceObjectBody, key: str) -> Mapping[str, object]:
    """Keep a price; what pricing does not sell is told all the same, without a quote."""
    wish, rest = _wish(body), _rest(body)
    try:
        quote = await pricing.quote_object(wish, rest, key)
    except FailedPrecondition as refusal:
        if refusal.reason not in PRICED_ONLY:
            raise
        priced = await pricing.price_object(wish, rest)
        view = unsold_view(priced)
        return view | {"resources": _derived(priced), "specHash": priced.spec_hash}
    return quote_view(quote) | {"resources": _derived(quote), "specHash": quote.spec_hash}


def _derived(priced: DeploymentCost) -> list[Mapping[str, object]]:
    return [
        {
            "type": one.type,
            "cpu": orjson.Fragment(one.cpu),
            "memory": orjson.Fragment(one.memory),
            "storage": orjson.Fragment(one.storage),
            "replicas": one.replicas,
        }
        for one in priced.derived
    ]


def _verified(found: VerifiedQuote) -> Mapping[str, object]:
    return {
        "valid": True,
        "quoteId": found.name,
        "owner": found.owner,
        "specHash": found.spec_hash,
        "total": figures.amount(found.total),
        "currency": found.total.currency.upper(),
        "catalogVersion": found.catalog_version or None,
        "rateCardVersion": found.rate_card_version or None,
        "requiresPayment": found.payment_required,
        "issuedAt": figures.instant(found.issue_time),
        "expiresAt": figures.instant(found.expire_time),
        "keyId": found.key_id,
        "state": found.state,
        "taker": found.taker or None,
    }


def _wish(body: ObjectBody) -> ObjectWish:
    named = body.metadata
    return ObjectWish(
        api_version=body.apiVersion,
        kind=body.kind,
        spec=_json(body.spec),
        namespace=(named.namespace or "") if named else "",
        name=(named.name or "") if named else "",
        catalog=body.catalog or "",
    )


def _rest(body: PriceObjectBody) -> Deployment:
    asked = body.commitment
    return Deployment(
        resources=(),
        region=body.region or "",
        hours=body.duration or "",
        backup_plan=body.backupPlan or "",
        features=body.additionalFeatures or (),
        cloud=body.cloud or "",
        commitment=Commitment(asked.years, asked.upfront) if asked else None,
        coupon=body.coupon or "",
    )


def _json(spec: Mapping[str, object]) -> str:
    """Write a spec as the client did: its numbers are exact."""
    try:
        return orjson.dumps(spec, default=_number).decode()
    except TypeError as error:
        raise needed("spec", f"cannot be read: {error}") from None


def _number(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} has no place in JSON")
