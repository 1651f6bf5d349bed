"""An organization's add-ons: one more, one less."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.auth import SignedIn
from gateway.bodies import documented, read_body
from gateway.ports import Change, Held
from gateway.problems import speaking_of
from gateway.routes.billing.desk import DECLINED, BillingDesk, short, success
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
            held = await desk.held(caller.organization)
            quantities = _quantities(held)
            quantities[wish.addonId] = quantities.get(wish.addonId, 0) + wish.quantity
            with speaking_of(addons=[wish.addonId]):
                return await _changed(desk, caller, held, quantities, key)

    @router.delete(
        f"{PATH}/addons/{{addon_id}}",
        summary="Take one unit of an add-on off",
        response_model=Success[OrganizationSubscription],
        responses=DECLINED,
    )
    async def take_off(caller: SignedIn, addon_id: str, key: RequestKey) -> Response:
        with acting(caller):
            await desk.admit_admin(caller)
            held = await desk.held(caller.organization)
            quantities = _quantities(held)
            if addon_id not in quantities:
                raise AddonNotHeld(f"Unknown add-on: {addon_id}")
            quantities[addon_id] -= 1
            left = {addon: count for addon, count in quantities.items() if count}
            return await _changed(desk, caller, held, left, key)


def _quantities(held: Held) -> dict[str, int]:
    return {short(addon.addon): addon.quantity for addon in held.addons}


async def _changed(
    desk: BillingDesk, caller: Principal, held: Held, quantities: dict[str, int], key: str
) -> Response:
    asked = Change(held.name, addons=desk.addons(quantities), request_id=key)
    changed = await desk.subscription.change(asked)
    return success(await subscription_view(desk, caller.organization, changed))
