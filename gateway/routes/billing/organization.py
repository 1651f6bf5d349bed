"""An organization's subscription: looked at, bought, changed, ended."""

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from gateway import figures
from gateway.auth import OrgAdmin, SignedIn
from gateway.bodies import documented, read_body, request_key
from gateway.ports import AccountKind, Change, Held, Interval, PaymentPage, Purchase
from gateway.problems import speaking_of
from gateway.routes.billing.desk import DECLINED, BillingDesk, success
from gateway.routes.billing.models import (
    CheckoutPage,
    OrganizationSubscription,
    PlanBody,
    SubscribeBody,
    Success,
)
from gateway.routes.billing.views import subscription_view
from gateway.states import IN_FORCE
from services.chassis.errors import InvalidArgument, Refusal
from services.chassis.identity import Principal, acting

PATH = "/organization-subscription"
_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
RequestKey = Annotated[str, Depends(request_key)]


def add_organization_routes(router: APIRouter, desk: BillingDesk) -> None:
    """Add the routes. Whoever calls, the organization is that of the token."""

    @router.get(
        PATH,
        summary="What the organization holds, with its limits and what is used",
        response_model=Success[OrganizationSubscription],
    )
    async def look(caller: OrgAdmin) -> Response:
        with acting(caller):
            held = await desk.current(caller.organization)
            return success(await subscription_view(desk, caller.organization, held))

    @router.post(
        PATH,
        summary="Begin a purchase: where to pay for a plan",
        response_model=Success[CheckoutPage],
        openapi_extra=documented(SubscribeBody),
    )
    async def subscribe(caller: SignedIn, request: Request, key: RequestKey) -> Response:
        with acting(caller):
            await desk.admit_admin(caller)
            wish = await read_body(request, SubscribeBody)
            page = await _buy(desk, caller, wish, key)
        return success(_page(page))

    @router.put(
        PATH,
        summary="Change the plan; the provider prorates, and usage has to fit",
        response_model=Success[OrganizationSubscription],
        responses=DECLINED,
        openapi_extra=documented(PlanBody),
    )
    async def change(caller: SignedIn, request: Request, key: RequestKey) -> Response:
        with acting(caller):
            await desk.admit_admin(caller)
            wish = await read_body(request, PlanBody)
            held = await desk.held(caller.organization)
            asked = Change(held.name, plan=desk.full(wish.planId), request_id=key)
            with speaking_of(plan=wish.planId):
                changed = await desk.subscription.change(asked)
            return success(await subscription_view(desk, caller.organization, changed))

    @router.delete(
        PATH,
        summary="End the subscription when its period does, or now",
        response_model=Success[OrganizationSubscription],
    )
    async def cancel(
        caller: SignedIn,
        key: RequestKey,
        now: Annotated[bool, Query(description="End it now; nothing is given back")] = False,
    ) -> Response:
        with acting(caller):
            await desk.admit_admin(caller)
            ended = await _end(desk, caller, key, now=now)
            return success(await subscription_view(desk, caller.organization, ended))


async def _end(desk: BillingDesk, caller: Principal, key: str, *, now: bool) -> Held:
    """End what is held, or find what was ended under this key.

    Who asks again may have bought something else since the first answer: a key that was used for
    another subscription is no order to end this one.
    """
    held = await desk.held(caller.organization)
    try:
        return await desk.subscription.cancel(held.name, now=now, request_id=key)
    except Refusal as refusal:
        if refusal.reason != _KEY_REUSED:
            raise
        for former in await desk.all_held(caller.organization):
            if former.state in IN_FORCE:
                continue
            with suppress(InvalidArgument):
                return await desk.subscription.cancel(former.name, now=now, request_id=key)
        raise


async def _buy(desk: BillingDesk, caller: Principal, wish: SubscribeBody, key: str) -> PaymentPage:
    account = await desk.subscription.ensure_account(
        AccountKind.ORGANIZATION, caller.organization, caller.email
    )
    quantities: dict[str, int] = {}
    for addon in wish.addons:
        quantities[addon.addonId] = quantities.get(addon.addonId, 0) + addon.quantity
    page = desk.billing_page(caller.organization)
    purchase = Purchase(
        account=account,
        plan=desk.full(wish.planId),
        addons=desk.addons(quantities),
        currency=(wish.currency or "").lower(),
        interval=Interval(wish.interval or Interval.MONTH),
        promotion_code=wish.promoCode or "",
        trial=wish.trial,
        # The provider fills the braces in; a quoted one would stay as it is.
        success_url=f"{page}&session_id={{CHECKOUT_SESSION_ID}}",
        cancel_url=f"{page}&canceled=true",
        request_id=key,
    )
    with speaking_of(plan=wish.planId, addons=list(quantities)):
        return await desk.subscription.buy(purchase)


def _page(page: PaymentPage) -> dict[str, object]:
    return {
        "checkoutUrl": page.url,
        "url": page.url,
        "sessionId": page.checkout_id,
        "expiresAt": figures.instant(page.expire_time),
        "quoteId": page.quote,
    }
