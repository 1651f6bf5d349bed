"""Payments over gRPC."""

from collections.abc import Mapping, Sequence

import grpc.aio

from gateway.ports import IngestAnswer, Ingested, Provider, Webhook
from tollgate.payments.v1 import payments_pb2, payments_service_pb2
from tollgate.payments.v1.payments_service_pb2_grpc import PaymentsServiceStub

_OUTCOMES: Mapping[int, Ingested] = {
    payments_pb2.IngestResult.OUTCOME_STORED: Ingested.STORED,
    payments_pb2.IngestResult.OUTCOME_DUPLICATE: Ingested.DUPLICATE,
    payments_pb2.IngestResult.OUTCOME_REFUSED: Ingested.REFUSED,
    payments_pb2.IngestResult.OUTCOME_TOO_LARGE: Ingested.TOO_LARGE,
    payments_pb2.IngestResult.OUTCOME_NO_PROVIDER: Ingested.NO_PROVIDER,
    payments_pb2.IngestResult.OUTCOME_UNAVAILABLE: Ingested.UNAVAILABLE,
}


class GrpcPayments:
    """The port ``Payments`` over a channel of the chassis."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = PaymentsServiceStub(channel)

    async def ingest(self, webhooks: Sequence[Webhook]) -> Sequence[IngestAnswer]:
        """Hand over webhook requests; an answer for each, in their order."""
        events = [
            payments_pb2.RawEvent(
                provider=webhook.provider,
                path=webhook.path,
                headers=webhook.headers,
                body=webhook.body,
            )
            for webhook in webhooks
        ]
        request = payments_service_pb2.IngestEventsRequest(events=events)
        answer = await self._stub.IngestEvents(request)
        # An outcome that a newer version of payments knows is no receipt here.
        return [
            IngestAnswer(_OUTCOMES.get(result.outcome, Ingested.UNAVAILABLE), result.reason)
            for result in answer.results
        ]

    async def provider(self) -> Provider:
        """Return the payment provider that is on."""
        answer = await self._stub.GetProvider(payments_service_pb2.GetProviderRequest())
        provider = answer.provider
        return Provider(
            name=provider.name,
            checkout=provider.checkout,
            portal=provider.portal,
            webhooks=provider.webhooks,
            addons=provider.addons,
        )
