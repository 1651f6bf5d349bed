"""Checks of quotes over gRPC."""

from collections.abc import Mapping, Sequence
from datetime import UTC

import grpc.aio

from gateway.clients.values import money
from gateway.ports import ObjectWish, QuoteMatch, VerifiedQuote
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1 import pricing_service_pb2 as pb
from tollgate.pricing.v1.pricing_service_pb2_grpc import PricingServiceStub

_STATES = {
    pricing_pb2.Quote.STATE_OPEN: "open",
    pricing_pb2.Quote.STATE_TAKEN: "taken",
    pricing_pb2.Quote.STATE_EXPIRED: "expired",
}


class GrpcQuoteChecks:
    """The port ``QuoteChecks`` over a channel of the chassis."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = PricingServiceStub(channel)

    async def match(self, quote: str, wish: ObjectWish) -> QuoteMatch:
        """Say whether an object is what was quoted."""
        request = pb.MatchQuoteRequest(quote=quote, object=to_object(wish), catalog=wish.catalog)
        answer = await self._stub.MatchQuote(request)
        return QuoteMatch(answer.exact, answer.spec_hash)

    async def verify(self, signature: str) -> VerifiedQuote:
        """Say what a signature says, and where its quote stands."""
        answer = await self._stub.VerifyQuote(pb.VerifyQuoteRequest(signature=signature))
        claims = answer.claims
        return VerifiedQuote(
            name=claims.quote,
            owner=claims.owner,
            spec_hash=claims.spec_hash,
            total=money(claims.total),
            catalog_version=claims.catalog_version,
            rate_card_version=claims.rate_card_version,
            payment_required=claims.payment_required,
            issue_time=claims.issue_time.ToDatetime(tzinfo=UTC),
            expire_time=claims.expire_time.ToDatetime(tzinfo=UTC),
            key_id=claims.key_id,
            state=_STATES.get(answer.state, "unknown"),
            taker=answer.taker,
        )

    async def quote_keys(self) -> Sequence[Mapping[str, str]]:
        """Return the public keys as JSON Web Keys."""
        answer = await self._stub.ListQuoteKeys(pb.ListQuoteKeysRequest())
        return [
            {
                "kty": "OKP",
                "crv": key.curve,
                "x": key.x,
                "kid": key.key_id,
                "alg": key.algorithm,
                "use": "sig",
            }
            for key in answer.keys
        ]


def to_object(wish: ObjectWish) -> pricing_pb2.CustomObject:
    """Write an object that is asked about."""
    return pricing_pb2.CustomObject(
        api_version=wish.api_version,
        kind=wish.kind,
        namespace=wish.namespace,
        name=wish.name,
        spec=wish.spec,
    )
