"""Who asks, in the tests of buying and of entitlement, and what they ask with."""

from dataclasses import replace
from datetime import datetime

from services.chassis.identity import Principal
from services.subscription.assigning import AssignRequest, EndingMode, EndRequest
from services.subscription.domain import Account, AccountKind
from services.subscription.offers import AddonQuantity
from services.subscription.ports import EndMode, Interval
from services.subscription.purchasing import BuyRequest, CancelRequest, UpdateRequest
from tests.fakes.subscription_world import ADMIN, World

BOSS = Principal(
    "boss",
    "user",
    issuer="http://idp/realms/acme",
    organization="acme",
    groups=("org-admin",),
)
WORKER = replace(BOSS, subject="worker", groups=("user",))
GUEST = replace(BOSS, subject="guest", groups=())
ANN = Principal("ann", "user", issuer="http://idp/realms/other", organization="other")
STRANGER = replace(ANN, subject="eve", groups=("org-admin",))
BUYERS = {AccountKind.ORGANIZATION: BOSS, AccountKind.USER: ANN}


async def account_of(world: World, kind: AccountKind, name: str) -> Account:
    """Make an account and return it."""
    return (await world.create(kind, name, who=ADMIN)).account


def buy(
    account: str,
    plan: str = "shop/basic",
    *,
    key: str = "",
    addons: tuple[AddonQuantity, ...] = (),
    trial: bool = False,
    interval: Interval = Interval.MONTH,
) -> BuyRequest:
    """Ask for a plan."""
    return BuyRequest(
        account=account,
        plan=plan,
        addons=addons,
        currency="",
        interval=interval,
        promotion_code="",
        trial=trial,
        success_url="https://shop.example/done?session={CHECKOUT_SESSION_ID}",
        cancel_url="https://shop.example/",
        request_id=key,
        request_hash=f"{account} {plan} {addons} {trial} {interval}".encode(),
    )


def update(
    name: str,
    plan: str = "",
    *,
    addons: tuple[AddonQuantity, ...] | None = None,
    key: str = "",
    only_say: bool = False,
    units: tuple[tuple[str, int], ...] = (),
) -> UpdateRequest:
    """Ask for a change."""
    content = f"{name} {plan} {addons} {units}".encode()
    return UpdateRequest(name, plan, addons, key, content, only_say, units)


def cancel(name: str, mode: EndMode = EndMode.AT_PERIOD_END, *, key: str = "") -> CancelRequest:
    """Ask for an end."""
    return CancelRequest(name, mode, "", key, f"{name} {mode}".encode())


def assign(
    account: str,
    plan: str = "shop/basic",
    *,
    addons: tuple[AddonQuantity, ...] = (),
    until: datetime | None = None,
    key: str = "",
    reason: str = "sponsored",
    only_say: bool = False,
) -> AssignRequest:
    """Ask for a plan without money."""
    content = f"{account} {plan} {addons} {until} {reason} {only_say}".encode()
    return AssignRequest(account, plan, addons, reason, key, content, until, only_say)


def end(
    name: str,
    mode: EndingMode = EndingMode.NOW,
    *,
    at: datetime | None = None,
    key: str = "",
    reason: str = "over",
) -> EndRequest:
    """Ask for the end of what was given."""
    return EndRequest(name, mode, reason, key, f"{name} {mode} {at} {reason}".encode(), at)
