"""The subscription RPCs: convert, ask the use case, convert."""

from services.chassis.context import Context
from services.chassis.identity import current
from services.chassis.telemetry import current_trace_id
from services.subscription import convert, usecases
from services.subscription.asking import PageRequest
from services.subscription.usecases import Desk, Entitlements
from tollgate.subscription.v1 import subscription_service_pb2 as pb
from tollgate.subscription.v1.subscription_service_pb2_grpc import SubscriptionServiceServicer

SERVICE = pb.DESCRIPTOR.services_by_name["SubscriptionService"].full_name


class SubscriptionServicer(SubscriptionServiceServicer):
    """Serves tollgate.subscription.v1.SubscriptionService."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._tx = desk.tx
        self._claim = desk.claim
        self._entitlements = Entitlements(desk)

    async def CreateAccount(  # noqa: N802 - the contract's name
        self, request: pb.CreateAccountRequest, context: Context
    ) -> pb.CreateAccountResponse:
        """Make an account, or return the one that stands."""
        wanted = convert.from_account_request(request)
        view = await usecases.create_account(
            self._tx, self._desk.ids, current(), self._claim, wanted, current_trace_id()
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
        whose = convert.from_whose(request)
        page = await usecases.list_accounts(self._tx, current(), self._claim, _page(request), whose)
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

    async def CreateSubscription(  # noqa: N802
        self, request: pb.CreateSubscriptionRequest, context: Context
    ) -> pb.CreateSubscriptionResponse:
        """Begin a purchase."""
        wanted = convert.from_buy_request(request)
        page = await usecases.create_subscription(self._desk, current(), wanted, current_trace_id())
        return pb.CreateSubscriptionResponse(purchasing=convert.to_proto_purchasing(page))

    async def UpdateSubscription(  # noqa: N802
        self, request: pb.UpdateSubscriptionRequest, context: Context
    ) -> pb.UpdateSubscriptionResponse:
        """Change plan and add-ons of a subscription."""
        wanted = convert.from_update_request(request)
        asked = await usecases.update_subscription(
            self._desk, current(), wanted, current_trace_id()
        )
        return pb.UpdateSubscriptionResponse(subscription=convert.to_proto_subscription(asked))

    async def CancelSubscription(  # noqa: N802
        self, request: pb.CancelSubscriptionRequest, context: Context
    ) -> pb.CancelSubscriptionResponse:
        """End a subscription, or take a coming end back."""
        wanted = convert.from_cancel_request(request)
        asked = await usecases.cancel_subscription(
            self._desk, current(), wanted, current_trace_id()
        )
        return pb.CancelSubscriptionResponse(subscription=convert.to_proto_subscription(asked))

    async def VerifyCheckout(  # noqa: N802
        self, request: pb.VerifyCheckoutRequest, context: Context
    ) -> pb.VerifyCheckoutResponse:
        """Say what became of a payment page."""
        found = await usecases.verify_checkout(
            self._desk, current(), request.account, request.checkout_id
        )
        return convert.to_proto_verified(found)

    async def CreatePortalSession(  # noqa: N802
        self, request: pb.CreatePortalSessionRequest, context: Context
    ) -> pb.CreatePortalSessionResponse:
        """Open the provider's portal."""
        url = await usecases.create_portal_session(
            self._desk, current(), request.account, request.return_url
        )
        return pb.CreatePortalSessionResponse(url=url)

    async def ValidateSubscription(  # noqa: N802
        self, request: pb.ValidateSubscriptionRequest, context: Context
    ) -> pb.ValidateSubscriptionResponse:
        """Say whether somebody holds a tier and features."""
        wanted = convert.from_validate_request(request)
        found = await self._entitlements.validate(current(), wanted)
        return convert.to_proto_validation(found)

    async def AssignPlan(  # noqa: N802
        self, request: pb.AssignPlanRequest, context: Context
    ) -> pb.AssignPlanResponse:
        """Give an account a plan by hand."""
        wanted = convert.from_assign_request(request)
        held = await usecases.assign_plan(self._desk, current(), wanted, current_trace_id())
        return pb.AssignPlanResponse(subscription=convert.to_proto_subscription(held))

    async def EndAssignment(  # noqa: N802
        self, request: pb.EndAssignmentRequest, context: Context
    ) -> pb.EndAssignmentResponse:
        """End what was given by hand."""
        wanted = convert.from_end_request(request)
        ended = await usecases.end_assignment(self._desk, current(), wanted, current_trace_id())
        return pb.EndAssignmentResponse(subscription=convert.to_proto_subscription(ended))


def _page(
    request: pb.ListAccountsRequest
    | pb.ListSubscriptionsRequest
    | pb.ListPurchasesRequest
    | pb.ListParkedFactsRequest,
) -> PageRequest:
    return PageRequest(request.page_size, request.page_token)
