"""The webhook edge: cheap refusals first, then the raw bytes go to payments, unread.

Plain Starlette: this is the hot path. Every document spelled the path its own way, and a provider
may have an endpoint, with secrets of its own, for each.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.bodies import announced_size, read
from gateway.edge import check_stripe_header
from gateway.limits import MAX_WEBHOOK_BYTES, InFlight
from gateway.ports import IngestAnswer, Ingested, Webhook
from gateway.problems import PayloadTooLarge, json_response
from services.chassis.clock import Clock
from services.chassis.errors import InvalidArgument, NotFound, Refusal, Unavailable
from services.chassis.groupcommit import GroupCommit

PATHS = ("/webhooks/stripe", "/api/webhooks/stripe", "/api/billing/webhook")

_KEPT_HEADERS = ("stripe-signature",)


class WebhookEdge:
    """Takes webhook requests on all their paths."""

    def __init__(
        self, batches: GroupCommit[Webhook, IngestAnswer], in_flight: InFlight, clock: Clock
    ) -> None:
        self._batches = batches
        self._in_flight = in_flight
        self._clock = clock

    def routes(self) -> list[Route]:
        """Return a route for each path."""
        return [Route(path, self.receive, methods=["POST"]) for path in PATHS]

    async def receive(self, request: Request) -> Response:
        """Take one request: 200 once its event is durable."""
        with self._in_flight.request():
            headers = _signature_headers(request)
            check_stripe_header(headers["stripe-signature"], self._clock.now().timestamp())
            size = announced_size(request, MAX_WEBHOOK_BYTES)
            with self._in_flight.reading(size):
                body = await read(request, size)
                webhook = Webhook("stripe", request.url.path, headers, body)
                answer = await self._batches.submit(webhook)
        if answer.outcome in (Ingested.STORED, Ingested.DUPLICATE):
            return json_response({"received": True})
        raise _refusal(answer)


def _signature_headers(request: Request) -> Mapping[str, str]:
    found = {name: request.headers[name] for name in _KEPT_HEADERS if name in request.headers}
    if not found:
        raise InvalidArgument("The header Stripe-Signature is missing.", reason="SIGNATURE_MISSING")
    return found


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
