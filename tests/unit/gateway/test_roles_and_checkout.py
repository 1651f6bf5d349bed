"""Document 001: who may, what is there without a provider, and the way back from paying."""

import pytest

from gateway.ports import State, Verified
from tests.fakes.gateway import NO_PROVIDER
from tests.unit.gateway.world import HELD, World

PATH = "/api/billing/organization-subscription"
ADDONS = f"{PATH}/addons"
VERIFY = "/api/billing/verify-checkout"
PORTAL = "/api/billing/customer-portal"
BUYING = [
    ("POST", PATH),
    ("PUT", PATH),
    ("DELETE", PATH),
    ("POST", ADDONS),
    ("DELETE", f"{ADDONS}/turbo-x1"),
    ("POST", PORTAL),
]
FOR_ADMINS = [
    *BUYING,
    ("GET", PATH),
    ("GET", "/api/billing/quota-usage"),
    ("GET", "/api/billing/quota-status"),
    ("POST", "/api/billing/simulate-downgrade"),
]


@pytest.mark.parametrize(("method", "path"), FOR_ADMINS)
@pytest.mark.parametrize("role", ["user", "guest", "platform"])
async def test_only_an_admin_of_the_organization_passes(
    world: World, role: str, method: str, path: str
) -> None:
    world.holds(HELD)
    answer = await world.call(role, method, path, {"planId": "dev-pool", "addonId": "turbo-x1"})
    body = answer.json()
    assert (answer.status_code, body["error"]) == (403, "Organization admin access required")
    assert world.subscription.keys == []


@pytest.mark.parametrize(("method", "path"), [*FOR_ADMINS, ("GET", VERIFY), ("POST", VERIFY)])
async def test_nobody_passes_without_a_token(world: World, method: str, path: str) -> None:
    answer = await world.call("", method, path)
    assert (answer.status_code, answer.json()["error"]) == (401, "Authentication token required")


@pytest.mark.parametrize("role", ["admin", "guest"])
@pytest.mark.parametrize(("method", "path"), [*BUYING, ("GET", VERIFY), ("POST", VERIFY)])
async def test_without_a_provider_its_routes_are_not_found(
    world: World, role: str, method: str, path: str
) -> None:
    world.payments.on = NO_PROVIDER
    answer = await world.call(role, method, path, {"planId": "pro-pool"})
    assert (answer.status_code, answer.json()["error"]) == (404, "Not found")


@pytest.mark.parametrize("role", ["admin", "user", "guest"])
async def test_everybody_of_the_organization_may_verify_its_checkout(
    world: World, role: str
) -> None:
    await world.call("admin", "POST", PATH, {"planId": "pro-pool"})
    world.subscription.paid["cs_1"] = Verified(True, State.ACTIVE, "kube-dc/pro-pool")
    expected = {"verified": True, "status": "active", "planId": "pro-pool"}
    posted = await world.call(role, "POST", VERIFY, {"sessionId": "cs_1"})
    assert posted.json()["data"] == expected
    for name in ("sessionId", "session_id"):
        got = await world.call(role, "GET", f"{VERIFY}?{name}=cs_1")
        assert got.json()["data"] == expected


async def test_a_checkout_that_subscription_has_not_heard_of_has_no_status(world: World) -> None:
    await world.call("admin", "POST", PATH, {"planId": "pro-pool"})
    answer = await world.call("admin", "GET", f"{VERIFY}?session_id=cs_1")
    assert answer.json()["data"] == {"verified": False, "status": None, "planId": None}


@pytest.mark.parametrize("role", ["other", "platform"])
async def test_a_checkout_of_another_organization_is_unknown(world: World, role: str) -> None:
    await world.call("admin", "POST", PATH, {"planId": "pro-pool"})
    world.holds(organization="other")
    answer = await world.call(role, "GET", f"{VERIFY}?session_id=cs_1")
    assert (answer.status_code, answer.json()["code"]) == (404, "UNKNOWN_CHECKOUT")


@pytest.mark.parametrize("query", ["", "?sessionId=", "?session_id=a%00b"])
async def test_a_checkout_has_to_be_named(world: World, query: str) -> None:
    answer = await world.call("admin", "GET", f"{VERIFY}{query}")
    assert answer.status_code == 400
    posted = await world.call("admin", "POST", VERIFY, {})
    assert (posted.status_code, posted.json()["error"]) == (400, "sessionId is required")


async def test_the_portal_leads_back_to_the_console(world: World) -> None:
    world.holds(HELD)
    answer = await world.call("admin", "POST", PORTAL)
    url = "https://portal.example/p_1"
    assert answer.json()["data"] == {"url": url, "portalUrl": url}
    page = "https://console.example/manage-organization/billing?realm=acme"
    assert world.subscription.portals == [("acc_acme", page)]


async def test_who_never_paid_has_no_portal(world: World) -> None:
    answer = await world.call("admin", "POST", PORTAL)
    assert (answer.status_code, answer.json()["code"]) == (409, "NO_CUSTOMER")
