"""The webhook edge: cheap refusals first, then the raw bytes go to payments, unread.

Plain ASGI: this is the hot path. Every document spelled the path its own way, and a provider
may have an endpoint, with secrets of its own, for each.
"""

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gateway.bodies import read_from, size_of
from gateway.edge import check_stripe_header
from gateway.limits import MAX_WEBHOOK_BYTES, InFlight
from gateway.ports import IngestAnswer, Ingested, Webhook
from gateway.problems import PayloadTooLarge, refused
from services.chassis.clock import Clock
from services.chassis.errors import InvalidArgument, NotFound, Refusal, Unavailable
from services.chassis.groupcommit import GroupCommit

PATHS = ("/webhooks/stripe", "/api/webhooks/stripe", "/api/billing/webhook")

_SIGNATURE = b"stripe-signature"
_LENGTH = b"content-length"
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"17")],
}
_RECEIVED = {"type": "http.response.body", "body": b'{"received":true}'}


class WebhookEdge:
    """Takes webhook requests on all their paths; an ASGI application of its own.

    Whatever serves it may call it directly: it answers refusals itself.
    """

    def __init__(
        self, batches: GroupCommit[Webhook, IngestAnswer], in_flight: InFlight, clock: Clock
    ) -> None:
        self._batches = batches
        self._in_flight = in_flight
        self._clock = clock

    def routes(self) -> list[Route]:
        """Return a route for each path."""
        return [Route(path, self, methods=["POST"]) for path in PATHS]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request: 200 once its event is durable."""
        try:
            await self._take(scope, receive)
        except Refusal as refusal:
            answer = await refused(Request(scope), refusal)
            await answer(scope, receive, send)
        else:
            await send(_START)
            await send(_RECEIVED)

    async def _take(self, scope: Scope, receive: Receive) -> None:
        with self._in_flight.request():
            found = {name: value for name, value in scope["headers"] if name in _READ_HEADERS}
            if _SIGNATURE not in found:
                raise _missing()
            signature = found[_SIGNATURE].decode("latin-1")
            check_stripe_header(signature, self._clock.now().timestamp())
            size = size_of(found.get(_LENGTH, b"").decode("latin-1"), MAX_WEBHOOK_BYTES)
            with self._in_flight.reading(size):
                body = await read_from(receive, size)
                headers = {"stripe-signature": signature}
                answer = await self._batches.submit(Webhook("stripe", scope["path"], headers, body))
        if answer.outcome not in (Ingested.STORED, Ingested.DUPLICATE):
            raise _refusal(answer)


_READ_HEADERS = frozenset({_SIGNATURE, _LENGTH})


def _missing() -> InvalidArgument:
    return InvalidArgument("The header Stripe-Signature is missing.", reason="SIGNATURE_MISSING")


def _too_large() -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than {MAX_WEBHOOK_BYTES} bytes.")


_SENTENCES = {
    "SIGNATURE_MISSING": "The header Stripe-Signature is missing.",
    "SIGNATURE_MALFORMED": "The header Stripe-Signature cannot be read.",
    "SIGNATURE_STALE": "The signature is too old.",
    "SIGNATURE_FUTURE": "The signature's time lies in the future.",
    "SIGNATURE_INVALID": "The signature does not fit the body.",
    "BODY_NOT_UTF8": "The body is not UTF-8.",
    "BODY_NOT_JSON": "The body is not JSON.",
    "BODY_TOO_DEEP": "The body is nested too deeply.",
    "NOT_AN_EVENT": "The body is no event.",
}


def _refusal(answer: IngestAnswer) -> Refusal:
    match answer.outcome:
        case Ingested.TOO_LARGE:
            return _too_large()
        case Ingested.NO_PROVIDER:
            return NotFound("Not found", reason="PROVIDER_OFF")
        case Ingested.UNAVAILABLE:
            return Unavailable("The event could not be stored; send it again.", retry_after=1.0)
        case _:
            sentence = _SENTENCES.get(answer.reason, "The request is no event that is taken here.")
            return InvalidArgument(sentence, reason=answer.reason or "NOT_AN_EVENT")
