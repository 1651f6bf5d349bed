"""The subscription RPCs, and the intake of facts: convert, ask the use case, convert."""

from dataclasses import dataclass
from typing import assert_never

import structlog

from services.chassis.context import Context
from services.chassis.errors import InvalidArgument
from services.chassis.facts import FactRecord
from services.chassis.identity import current
from services.chassis.ids import Ids
from services.chassis.metrics import Counter
from services.chassis.telemetry import current_trace_id
from services.subscription import convert, usecases
from services.subscription.domain import Alert, Observation, PageRequest
from services.subscription.incoming import (
    CheckoutPaid,
    InvoicePaid,
    InvoicePaymentFailed,
    ProviderSubscription,
)
from services.subscription.ports import Pricing, SubscriptionTransactions
from services.subscription.usecases import Envelope
from tollgate.subscription.v1 import subscription_service_pb2 as pb
from tollgate.subscription.v1.subscription_service_pb2_grpc import SubscriptionServiceServicer

SERVICE = pb.DESCRIPTOR.services_by_name["SubscriptionService"].full_name

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("subscription.facts")


class Alerting:
    """Tells operators what needs a person: an error in the log, and a count."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    def tell(self, alerts: tuple[Alert, ...]) -> None:
        """Log and count each of them."""
        for alert in alerts:
            self._counter.labels(alert.reason).inc()
            details = {name: text for name, text in alert.details if text}
            _log.error(
                "A person has to look at this.",
                alert=str(alert.reason),
                object=alert.object,
                **details,
            )


@dataclass(frozen=True, slots=True)
class FactIntake:
    """Takes the facts that the sink was given; returns only when one is durable."""

    tx: SubscriptionTransactions
    pricing: Pricing
    ids: Ids
    alerting: Alerting

    async def take(self, record: FactRecord, source: str) -> None:
        """Take one fact; InvalidArgument if it can never be taken."""
        if convert.source_of(record.type) != source:
            raise InvalidArgument(f"{source} does not own {record.type}.", reason="WRONG_SOURCE")
        envelope = Envelope(record, source)
        fact = convert.from_record(record)
        if fact is None:
            await usecases.keep_unknown(self.tx, envelope)
            return
        self.alerting.tell(await self._take(envelope, fact))

    async def _take(
        self,
        envelope: Envelope,
        fact: CheckoutPaid
        | InvoicePaid
        | InvoicePaymentFailed
        | ProviderSubscription
        | Observation,
    ) -> tuple[Alert, ...]:
        match fact:
            case CheckoutPaid():
                return await usecases.take_checkout(self.tx, self.pricing, self.ids, envelope, fact)
            case ProviderSubscription():
                return await usecases.take_provider_subscription(
                    self.tx, self.pricing, self.ids, envelope, fact
                )
            case InvoicePaid():
                return await usecases.take_invoice(self.tx, self.ids, envelope, fact)
            case InvoicePaymentFailed():
                return await usecases.take_payment_failure(self.tx, self.ids, envelope, fact)
            case Observation():
                await usecases.take_observation(self.tx, envelope, fact)
                return ()
            case _:
                assert_never(fact)


class SubscriptionServicer(SubscriptionServiceServicer):
    """Serves tollgate.subscription.v1.SubscriptionService."""

    def __init__(self, tx: SubscriptionTransactions, ids: Ids, claim: str) -> None:
        self._tx = tx
        self._ids = ids
        self._claim = claim

    async def CreateAccount(  # noqa: N802 - the contract's name
        self, request: pb.CreateAccountRequest, context: Context
    ) -> pb.CreateAccountResponse:
        """Make an account, or return the one that stands."""
        wanted = convert.from_account_request(request)
        view = await usecases.create_account(
            self._tx, self._ids, current(), self._claim, wanted, current_trace_id()
        )
        return pb.CreateAccountResponse(account=convert.to_proto_account(view))

    async def GetAccount(  # noqa: N802
        self, request: pb.GetAccountRequest, context: Context
    ) -> pb.GetAccountResponse:
        """Return one account."""
        view = await usecases.get_account(self._tx, current(), self._claim, request.name)
        return pb.GetAccountResponse(account=convert.to_proto_account(view))

    async def ListAccounts(  # noqa: N802
        self, request: pb.ListAccountsRequest, context: Context
    ) -> pb.ListAccountsResponse:
        """List a page of accounts."""
        asked = request.HasField("customer")
        customer = convert.from_customer(request.customer) if asked else None
        page = await usecases.list_accounts(
            self._tx, current(), self._claim, _page(request), customer
        )
        accounts = [convert.to_proto_account(view) for view in page.items]
        return pb.ListAccountsResponse(accounts=accounts, next_page_token=page.next_token)

    async def ListSubscriptions(  # noqa: N802
        self, request: pb.ListSubscriptionsRequest, context: Context
    ) -> pb.ListSubscriptionsResponse:
        """List a page of subscriptions."""
        page = await usecases.list_subscriptions(
            self._tx, current(), self._claim, request.account, _page(request)
        )
        found = [convert.to_proto_subscription(item) for item in page.items]
        return pb.ListSubscriptionsResponse(subscriptions=found, next_page_token=page.next_token)

    async def ListPurchases(  # noqa: N802
        self, request: pb.ListPurchasesRequest, context: Context
    ) -> pb.ListPurchasesResponse:
        """List a page of purchases."""
        status = convert.from_purchase_status(request.status)
        page = await usecases.list_purchases(self._tx, current(), status, _page(request))
        found = [convert.to_proto_purchase(item) for item in page.items]
        return pb.ListPurchasesResponse(purchases=found, next_page_token=page.next_token)

    async def GetCapacityOrder(  # noqa: N802
        self, request: pb.GetCapacityOrderRequest, context: Context
    ) -> pb.GetCapacityOrderResponse:
        """Return the order of an account's newest incarnation."""
        view = await usecases.get_capacity_order(self._tx, current(), self._claim, request.account)
        order = convert.to_proto_order(view.order, view.observation)
        return pb.GetCapacityOrderResponse(order=order)

    async def ListParkedFacts(  # noqa: N802
        self, request: pb.ListParkedFactsRequest, context: Context
    ) -> pb.ListParkedFactsResponse:
        """List a page of facts that wait."""
        page = await usecases.list_parked_facts(self._tx, current(), _page(request))
        found = [convert.to_proto_parked(item) for item in page.items]
        return pb.ListParkedFactsResponse(facts=found, next_page_token=page.next_token)


def _page(
    request: pb.ListAccountsRequest
    | pb.ListSubscriptionsRequest
    | pb.ListPurchasesRequest
    | pb.ListParkedFactsRequest,
) -> PageRequest:
    return PageRequest(request.page_size, request.page_token)
