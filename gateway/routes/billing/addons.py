"""An organization's add-ons: one more, one less."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.auth import SignedIn
from gateway.bodies import documented, read_body
from gateway.ports import Change
from gateway.problems import speaking_of
from gateway.routes.billing.desk import DECLINED, BillingDesk, success
from gateway.routes.billing.models import AddonBody, OrganizationSubscription, Success
from gateway.routes.billing.organization import PATH, RequestKey
from gateway.routes.billing.views import subscription_view
from services.chassis.errors import NotFound
from services.chassis.identity import Principal, acting


class AddonNotHeld(NotFound):
    """There is none of it to take off."""

    reason = "ADDON_NOT_HELD"


def add_addon_routes(router: APIRouter, desk: BillingDesk) -> None:
    """Add the routes."""

    @router.post(
        f"{PATH}/addons",
        summary="Add units of an add-on, one unless more are said",
        response_model=Success[OrganizationSubscription],
        responses=DECLINED,
        openapi_extra=documented(AddonBody),
    )
    async def add(caller: SignedIn, request: Request, key: RequestKey) -> Response:
        with acting(caller):
            await desk.admit_admin(caller)
            wish = await read_body(request, AddonBody)
            with speaking_of(addons=[wish.addonId]):
                return await _changed(desk, caller, wish.addonId, wish.quantity, key)

    @router.delete(
        f"{PATH}/addons/{{addon_id}}",
        summary="Take one unit of an add-on off",
        response_model=Success[OrganizationSubscription],
        responses=DECLINED,
    )
    async def take_off(caller: SignedIn, addon_id: str, key: RequestKey) -> Response:
        with acting(caller):
            await desk.admit_admin(caller)
            try:
                return await _changed(desk, caller, addon_id, -1, key)
            except NotFound as refusal:
                if refusal.reason == AddonNotHeld.reason:
                    raise AddonNotHeld(f"Unknown add-on: {addon_id}") from refusal
                raise


async def _changed(
    desk: BillingDesk, caller: Principal, addon: str, units: int, key: str
) -> Response:
    """Change what is held by so many units: the same request again changes nothing more."""
    held = await desk.held(caller.organization)
    asked = Change(held.name, addon_changes={desk.full(addon): units}, request_id=key)
    changed = await desk.subscription.change(asked)
    return success(await subscription_view(desk, caller.organization, changed))
