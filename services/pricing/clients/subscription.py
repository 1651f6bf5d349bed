"""Subscription over gRPC: what is sold. Only dry runs ask, as the operator who asked for one."""

import grpc.aio

from services.pricing.domain import Interval
from services.pricing.versions import Holding
from tollgate.subscription.v1 import subscription_pb2
from tollgate.subscription.v1 import subscription_service_pb2 as pb
from tollgate.subscription.v1.subscription_service_pb2_grpc import SubscriptionServiceStub

_PAGE = 1000
_HOUR, _DAY = 3_600, 86_400
_PERIODS = ((Interval.MONTH, 28, 31), (Interval.YEAR, 365, 366))
"""What a month and a year have of days."""
_OVER = frozenset({subscription_pb2.STATE_CANCELED, subscription_pb2.STATE_EXPIRED})


class GrpcHoldings:
    """The port ``Holdings`` over a channel of the chassis."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = SubscriptionServiceStub(channel)

    async def held(self, most: int) -> list[Holding]:
        """Return subscriptions that are not over, oldest first, at most so many."""
        found: list[Holding] = []
        token = ""
        while len(found) < most:
            request = pb.ListSubscriptionsRequest(page_size=_PAGE, page_token=token)
            page = await self._stub.ListSubscriptions(request)
            found += [_holding(one) for one in page.subscriptions if one.state not in _OVER]
            token = page.next_page_token
            if not token:
                break
        return found[:most]


def _holding(message: subscription_pb2.Subscription) -> Holding:
    addons = tuple((one.addon, one.quantity) for one in message.addons)
    return Holding(
        message.name,
        message.account,
        message.plan,
        message.catalog_version,
        addons,
        _interval(message),
    )


def _interval(message: subscription_pb2.Subscription) -> Interval | None:
    """Return how often it is billed; None where its period does not tell, as that of a trial."""
    if message.provider and not message.provider_subscription_id:
        return Interval.ONCE
    if message.state == subscription_pb2.STATE_TRIALING or not message.HasField("period_end"):
        return None
    seconds = message.period_end.seconds - message.period_start.seconds
    for interval, least, most in _PERIODS:
        # Clocks are changed by an hour in between.
        if least * _DAY - _HOUR <= seconds <= most * _DAY + _HOUR:
            return interval
    return None
