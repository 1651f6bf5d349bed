"""The payments RPCs: convert, ask the use case, convert."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from services.chassis.context import Context
from services.chassis.identity import current
from services.chassis.metrics import Counter, Metrics
from services.chassis.paging import page_size
from services.chassis.telemetry import current_trace_id, current_traceparent
from services.chassis.transactions import Transactions
from services.payments import convert, usecases
from services.payments.events import Ingested, RawRequest
from services.payments.operations import Asked, Selling
from services.payments.pinning import KeyState
from services.payments.ports import Provider, Store
from tollgate.payments.v1 import payments_service_pb2 as pb
from tollgate.payments.v1.payments_service_pb2_grpc import PaymentsServiceServicer

SERVICE = pb.DESCRIPTOR.services_by_name["PaymentsService"].full_name
Ingest: TypeAlias = Callable[[Sequence[RawRequest]], Awaitable[Sequence[Ingested]]]
"""Answers for each request, in their order."""


@dataclass(frozen=True, slots=True)
class Served:
    """What the RPCs work with."""

    tx: Transactions[Store]
    provider: Provider
    key: KeyState
    ingest: Ingest
    selling: Selling
    metrics: Metrics


class PaymentsServicer(PaymentsServiceServicer):
    """Serves tollgate.payments.v1.PaymentsService."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._outcomes = served.metrics.counter(
            "webhooks", "Webhook requests by what became of them", ("outcome", "reason")
        )
        self._counts: dict[tuple[str, str], Counter] = {}

    async def IngestEvents(  # noqa: N802 - the contract's name
        self, request: pb.IngestEventsRequest, context: Context
    ) -> pb.IngestEventsResponse:
        """Take webhooks in."""
        trace = current_traceparent()
        raws = [convert.from_proto_raw_event(raw, trace) for raw in request.events]
        results = await self._served.ingest(raws)
        for result in results:
            self._count(result)
        return pb.IngestEventsResponse(
            results=[convert.to_proto_ingest_result(result) for result in results]
        )

    def _count(self, result: Ingested) -> None:
        # Looking a series up costs more than counting; there are as many as outcomes and reasons.
        labels = (result.outcome.value, result.reason)
        count = self._counts.get(labels)
        if count is None:
            count = self._counts[labels] = self._outcomes.labels(*labels)
        count.inc()

    async def GetProvider(  # noqa: N802
        self, request: pb.GetProviderRequest, context: Context
    ) -> pb.GetProviderResponse:
        """Show the provider that is on."""
        status = usecases.get_provider(self._served.provider, self._served.key)
        return pb.GetProviderResponse(provider=convert.to_proto_provider(status))

    async def ListEvents(  # noqa: N802
        self, request: pb.ListEventsRequest, context: Context
    ) -> pb.ListEventsResponse:
        """List a page of stored events."""
        page = await usecases.list_events(
            self._served.tx,
            convert.from_proto_state(request.state),
            convert.from_proto_page_token(request.page_token),
            page_size(request.page_size),
        )
        return convert.to_proto_event_page(page)

    async def ReplayEvent(  # noqa: N802
        self, request: pb.ReplayEventRequest, context: Context
    ) -> pb.ReplayEventResponse:
        """Fold an event again."""
        asked = convert.from_proto_replay(request, current(), current_trace_id())
        event = await usecases.replay_event(
            self._served.tx, self._served.provider, self._served.key, asked
        )
        return pb.ReplayEventResponse(event=convert.to_proto_event(event))

    async def CreateCheckout(  # noqa: N802
        self, request: pb.CreateCheckoutRequest, context: Context
    ) -> pb.CreateCheckoutResponse:
        """Make a payment page."""
        wanted = convert.from_proto_checkout(request)
        asked = _asked("CreateCheckout", request.account, request.request_id)
        page = await usecases.create_checkout(self._served.selling, asked, wanted)
        return pb.CreateCheckoutResponse(checkout=convert.to_proto_checkout(page))

    async def GetCheckout(  # noqa: N802
        self, request: pb.GetCheckoutRequest, context: Context
    ) -> pb.GetCheckoutResponse:
        """Show a payment page."""
        names = convert.from_proto_page_names(request)
        page = await usecases.get_checkout(self._served.selling, *names)
        return pb.GetCheckoutResponse(checkout=convert.to_proto_checkout(page))

    async def CreatePortalSession(  # noqa: N802
        self, request: pb.CreatePortalSessionRequest, context: Context
    ) -> pb.CreatePortalSessionResponse:
        """Open the provider's portal."""
        wanted = convert.from_proto_portal(request)
        url = await usecases.create_portal_session(self._served.selling, *wanted)
        return pb.CreatePortalSessionResponse(url=url)

    async def ChangeSubscription(  # noqa: N802
        self, request: pb.ChangeSubscriptionRequest, context: Context
    ) -> pb.ChangeSubscriptionResponse:
        """Bill for other items."""
        items, held = convert.from_proto_change(request)
        asked = _asked("ChangeSubscription", request.account, request.request_id)
        name = request.provider_subscription_id
        selling = self._served.selling
        state = await usecases.change_subscription(selling, asked, name, items, held)
        return pb.ChangeSubscriptionResponse(subscription=convert.to_proto_subscription(state))

    async def EndSubscription(  # noqa: N802
        self, request: pb.EndSubscriptionRequest, context: Context
    ) -> pb.EndSubscriptionResponse:
        """End a subscription, or take a coming end back."""
        mode = convert.from_proto_end(request)
        asked = _asked("EndSubscription", request.account, request.request_id)
        name = request.provider_subscription_id
        state = await usecases.end_subscription(self._served.selling, asked, name, mode)
        return pb.EndSubscriptionResponse(subscription=convert.to_proto_subscription(state))

    async def RefundCheckout(  # noqa: N802
        self, request: pb.RefundCheckoutRequest, context: Context
    ) -> pb.RefundCheckoutResponse:
        """Give a checkout's money back."""
        checkout_id, reason = convert.from_proto_refund(request)
        asked = _asked("RefundCheckout", "", request.request_id)
        refund = await usecases.refund_checkout(self._served.selling, asked, checkout_id, reason)
        return convert.to_proto_refund(refund)

    async def RefundSubscription(  # noqa: N802
        self, request: pb.RefundSubscriptionRequest, context: Context
    ) -> pb.RefundSubscriptionResponse:
        """End a subscription and give its money since a time back."""
        wanted = convert.from_proto_subscription_refund(request)
        asked = _asked("RefundSubscription", request.account, request.request_id)
        refund = await usecases.refund_subscription(self._served.selling, asked, *wanted)
        return convert.to_proto_subscription_refund(refund)

    async def RefreshSubscription(  # noqa: N802
        self, request: pb.RefreshSubscriptionRequest, context: Context
    ) -> pb.RefreshSubscriptionResponse:
        """Look at a subscription now."""
        name, trace = convert.from_proto_refresh(request), current_traceparent()
        state = await usecases.refresh_subscription(self._served.selling, name, trace)
        return convert.to_proto_refreshed(state, trace)


def _asked(rpc: str, account: str, request_id: str) -> Asked:
    return convert.asked(rpc, account, request_id, current(), current_trace_id())
