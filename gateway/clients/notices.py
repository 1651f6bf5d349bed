"""What budgets say on the accounts that they concern, over gRPC."""

from collections.abc import Sequence
from datetime import UTC

import grpc.aio

from gateway.clients.costs import threshold
from gateway.clients.values import money
from gateway.ports.notices import BudgetNotice, PassedThreshold
from tollgate.subscription.v1 import subscription_pb2
from tollgate.subscription.v1 import subscription_service_pb2 as pb
from tollgate.subscription.v1.subscription_service_pb2_grpc import SubscriptionServiceStub


class NoticeCalls:
    """The part ``BudgetNotices`` of subscription's port."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = SubscriptionServiceStub(channel)

    async def budget_notices(self, account: str) -> Sequence[BudgetNotice]:
        """Return what stands of an account's budgets."""
        answer = await self._stub.GetAccount(pb.GetAccountRequest(name=account))
        return [_notice(account, one) for one in answer.account.budget_notices]

    async def visible_accounts(self, most: int) -> Sequence[str]:
        """Return the first accounts that the actor may see."""
        answer = await self._stub.ListAccounts(pb.ListAccountsRequest(page_size=most))
        return [one.name for one in answer.accounts]


def _notice(account: str, message: subscription_pb2.BudgetNotice) -> BudgetNotice:
    return BudgetNotice(
        account=account,
        budget=message.budget,
        display_name=message.display_name,
        month=message.month,
        amount=money(message.amount),
        passed=[
            PassedThreshold(
                threshold(one.threshold), money(one.found), one.pass_time.ToDatetime(tzinfo=UTC)
            )
            for one in message.passed
        ],
    )
