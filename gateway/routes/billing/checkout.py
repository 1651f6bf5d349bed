"""The way back from the provider's page, and the way into its portal."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from gateway.auth import SignedIn, require_org_admin
from gateway.bodies import MAX_TEXT, PLAIN, documented, needed, read_body
from gateway.routes.billing.desk import BillingDesk, short, success
from gateway.routes.billing.models import Portal, Success, Verification, VerifyBody
from gateway.states import WORDS
from services.chassis.errors import FailedPrecondition, NotFound
from services.chassis.identity import Principal, acting


class UnknownCheckout(NotFound):
    """No such session, or none of the caller's own organization."""

    reason = "UNKNOWN_CHECKOUT"


class NoCustomer(FailedPrecondition):
    """The organization never paid, so the provider has no portal for it."""

    reason = "NO_CUSTOMER"


def add_checkout_routes(router: APIRouter, desk: BillingDesk) -> None:
    """Add the routes."""

    @router.get(
        "/verify-checkout",
        summary="What became of a payment page of the own organization",
        response_model=Success[Verification],
    )
    async def verify(
        caller: SignedIn,
        session: Annotated[str, Query(alias="sessionId", max_length=MAX_TEXT, pattern=PLAIN)] = "",
        same_session: Annotated[
            str, Query(alias="session_id", max_length=MAX_TEXT, pattern=PLAIN)
        ] = "",
    ) -> Response:
        with acting(caller):
            await desk.provider_on()
        checkout_id = session or same_session
        if not checkout_id:
            raise needed("sessionId")
        return await _verified(desk, caller, checkout_id)

    @router.post(
        "/verify-checkout",
        summary="What became of a payment page of the own organization",
        response_model=Success[Verification],
        openapi_extra=documented(VerifyBody),
    )
    async def verify_posted(caller: SignedIn, request: Request) -> Response:
        with acting(caller):
            await desk.provider_on()
        body = await read_body(request, VerifyBody)
        return await _verified(desk, caller, body.sessionId)

    @router.post(
        "/customer-portal",
        summary="Open the provider's portal",
        response_model=Success[Portal],
    )
    async def portal(caller: SignedIn) -> Response:
        with acting(caller):
            if not (await desk.payments.provider()).portal:
                raise NotFound("Not found", reason="PROVIDER_OFF")
            require_org_admin(caller)
            account = await desk.account(caller.organization)
            if not account:
                raise NoCustomer("The organization has paid nothing yet.")
            page = desk.billing_page(caller.organization)
            url = await desk.subscription.portal(account, page)
        return success({"url": url, "portalUrl": url})


async def _verified(desk: BillingDesk, caller: Principal, checkout_id: str) -> Response:
    account = await _own_account(desk, caller)
    if not account:
        raise UnknownCheckout("Unknown checkout session")
    with acting(caller):
        found = await desk.subscription.verify(account, checkout_id)
    body = {
        "verified": found.verified,
        "status": WORDS[found.state].billing,
        "planId": short(found.plan) or None,
    }
    return success(body)


async def _own_account(desk: BillingDesk, caller: Principal) -> str:
    """Return the account of the caller's organization, which its admins alone can see; empty for
    none.

    The gateway asks for it by itself: the token has proven whose they are, and subscription lets
    every member ask what became of a page of that account.
    """
    return await desk.account(caller.organization) if caller.organization else ""
