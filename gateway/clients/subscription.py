"""Subscription over gRPC."""

from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC

from gateway.clients.notices import NoticeCalls
from gateway.clients.paging import PAGE_SIZE, pages
from gateway.clients.values import INTERVALS, addons_of, money, time_of, to_addons
from gateway.ports import (
    AccountKind,
    Change,
    Entitlement,
    Held,
    Interval,
    PaymentPage,
    Price,
    Purchase,
    Requirement,
    State,
    Upgrade,
    Verified,
)
from services.chassis.errors import Unavailable
from tollgate.pricing.v1 import pricing_pb2
from tollgate.subscription.v1 import subscription_pb2
from tollgate.subscription.v1 import subscription_service_pb2 as pb

TIMEOUT = 25.0
"""Seconds for a call behind which the payment provider is asked, several times at worst."""

_KINDS = {
    AccountKind.USER: subscription_pb2.Account.KIND_USER,
    AccountKind.ORGANIZATION: subscription_pb2.Account.KIND_ORGANIZATION,
}
_STATES: Mapping[int, State] = {
    subscription_pb2.State.Value(f"STATE_{state.name}"): state for state in State
}
_TO_INTERVALS = {
    Interval.ONCE: pricing_pb2.INTERVAL_ONCE,
    Interval.MONTH: pricing_pb2.INTERVAL_MONTH,
    Interval.YEAR: pricing_pb2.INTERVAL_YEAR,
}


class GrpcSubscription(NoticeCalls):
    """The port ``Subscription`` over a channel of the chassis."""

    async def find_account(self, kind: AccountKind, external_id: str) -> str:
        """Return the account of this name among those that the actor may see; empty for none.

        The previous version of subscription is asked for one, and lists all.
        """

        def ask(token: str) -> Awaitable[pb.ListAccountsResponse]:
            request = pb.ListAccountsRequest(
                page_size=PAGE_SIZE,
                page_token=token,
                kind=_KINDS[kind],
                external_id=external_id,
            )
            return self._stub.ListAccounts(request)

        async for page in pages(ask):
            for account in page.accounts:
                if (account.kind, account.external_id) == (_KINDS[kind], external_id):
                    return account.name
        return ""

    async def ensure_account(self, kind: AccountKind, external_id: str, email: str) -> str:
        """Return the account of this name, made if it did not stand."""
        request = pb.CreateAccountRequest(kind=_KINDS[kind], external_id=external_id, email=email)
        return (await self._stub.CreateAccount(request)).account.name

    async def subscriptions(self, account: str) -> Sequence[Held]:
        """Return an account's subscriptions, oldest first."""

        def ask(token: str) -> Awaitable[pb.ListSubscriptionsResponse]:
            request = pb.ListSubscriptionsRequest(
                account=account, page_size=PAGE_SIZE, page_token=token
            )
            return self._stub.ListSubscriptions(request)

        return [_held(one) async for page in pages(ask) for one in page.subscriptions]

    async def buy(self, purchase: Purchase) -> PaymentPage:
        """Begin a purchase, or find the page of the one that is under way."""
        request = pb.CreateSubscriptionRequest(
            account=purchase.account,
            plan=purchase.plan,
            addons=to_addons(purchase.addons),
            currency=purchase.currency,
            interval=_TO_INTERVALS[purchase.interval],
            promotion_code=purchase.promotion_code,
            trial=purchase.trial,
            success_url=purchase.success_url,
            cancel_url=purchase.cancel_url,
            request_id=purchase.request_id,
        )
        page = (await self._stub.CreateSubscription(request, timeout=TIMEOUT)).purchasing
        return PaymentPage(page.quote, page.checkout_id, page.url, time_of(page, "expire_time"))

    async def change(self, change: Change) -> Held:
        """Change a subscription; it is returned as it was asked to be."""
        request = pb.UpdateSubscriptionRequest(
            name=change.subscription,
            plan=change.plan,
            replace_addons=change.addons is not None,
            addons=to_addons(change.addons or ()),
            request_id=change.request_id,
            validate_only=change.validate_only,
            addon_changes=change.addon_changes,
        )
        answer = await self._stub.UpdateSubscription(request, timeout=TIMEOUT)
        return _held(answer.subscription)

    async def cancel(self, subscription: str, *, now: bool, request_id: str) -> Held:
        """End a subscription, when its period does unless ``now``."""
        modes = pb.CancelSubscriptionRequest
        request = pb.CancelSubscriptionRequest(
            name=subscription,
            mode=modes.MODE_NOW if now else modes.MODE_AT_PERIOD_END,
            request_id=request_id,
        )
        answer = await self._stub.CancelSubscription(request, timeout=TIMEOUT)
        return _held(answer.subscription)

    async def verify(self, account: str, checkout_id: str) -> Verified:
        """Say what became of a payment page of an account."""
        request = pb.VerifyCheckoutRequest(account=account, checkout_id=checkout_id)
        answer = await self._stub.VerifyCheckout(request, timeout=TIMEOUT)
        return Verified(answer.verified, _state(answer.state), answer.plan)

    async def portal(self, account: str, return_url: str) -> str:
        """Return a URL of the provider's portal."""
        request = pb.CreatePortalSessionRequest(account=account, return_url=return_url)
        return (await self._stub.CreatePortalSession(request, timeout=TIMEOUT)).url

    async def entitlement(self, requirement: Requirement) -> Entitlement:
        """Say whether a requirement is met."""
        request = pb.ValidateSubscriptionRequest(
            account=requirement.account,
            required_tier=requirement.tier,
            required_features=requirement.features,
            catalog=requirement.catalog,
        )
        return _entitlement(await self._stub.ValidateSubscription(request))


def _state(number: int) -> State:
    state = _STATES.get(number)
    if state is None:
        # A newer version of subscription: nothing is guessed of what it means.
        raise Unavailable("A subscription stands in a way that is not known here.")
    return state


def _held(sub: subscription_pb2.Subscription) -> Held:
    return Held(
        name=sub.name,
        plan=sub.plan,
        plan_display_name=sub.plan_display_name,
        catalog_version=sub.catalog_version,
        state=_state(sub.state),
        addons=addons_of(sub.addons),
        create_time=sub.create_time.ToDatetime(tzinfo=UTC),
        provider_subscription_id=sub.provider_subscription_id,
        provider_customer_id=sub.provider_customer_id,
        begin_time=time_of(sub, "begin_time"),
        suspend_time=time_of(sub, "suspend_time"),
        trial_end_time=time_of(sub, "trial_end_time"),
        period_end=time_of(sub, "period_end"),
        assigned=sub.HasField("assignment"),
    )


def _entitlement(answer: pb.ValidateSubscriptionResponse) -> Entitlement:
    held = answer.entitlement
    stands = held.state != subscription_pb2.STATE_UNSPECIFIED
    return Entitlement(
        valid=answer.valid,
        tier=held.tier,
        features=tuple(held.features),
        remaining_credits=held.remaining_credits,
        next_billing_time=time_of(held, "next_billing_time"),
        state=_state(held.state) if stands else None,
        reason=answer.reason,
        message=answer.message,
        missing_features=tuple(answer.missing_features),
        upgrade=_upgrade(answer.upgrade) if answer.HasField("upgrade") else None,
    )


def _upgrade(upgrade: subscription_pb2.Upgrade) -> Upgrade:
    interval = INTERVALS.get(upgrade.price.interval)
    priced = upgrade.HasField("price") and interval is not None
    price = Price(money(upgrade.price.amount), interval) if priced and interval else None
    return Upgrade(upgrade.plan, upgrade.display_name, upgrade.tier, price)
