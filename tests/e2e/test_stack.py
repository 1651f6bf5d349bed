"""What the running stack says of itself."""

from pathlib import Path

from tests.e2e.world import UpStack, World

SERVICES = ("gateway", "pricing", "subscription", "payments", "provisioner")
MOST_RESIDENT_KB = 120 * 1024
# The provisioner keeps what stands in the cluster, 35 kB a tenant; a start, which lists all of it
# at once, leaves twice as much behind.
MOST_FOR_A_TENANT_KB = 75


def resident_kb(pid: int) -> int:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1])


def test_endpoints_name_every_address_and_one_token_for_each_role(up_stack: UpStack) -> None:
    endpoints = up_stack.endpoints
    assert set(endpoints["grpc"]) == {"pricing", "subscription", "payments", "provisioner"}
    assert set(endpoints["tokens"]) == {"platform-admin", "org-admin", "project-user", "guest"}
    assert endpoints["organization"] == "acme"
    assert endpoints["kubernetes"]["kind"] == "sandbox"
    assert Path(endpoints["kubernetes"]["kubeconfig"]).is_file()
    assert endpoints["gateway"].startswith("http://127.0.0.1:")
    assert {"api_base", "secret_key", "webhook_secret"} <= set(endpoints["stripe"])
    assert endpoints["postgres"]["dsn"].startswith("postgresql://")


async def test_every_service_stays_under_120_megabytes_besides_what_stands(world: World) -> None:
    await world.account(await world.buy())
    tenants = len(await world.cluster.namespaces())
    for name in SERVICES:
        used = resident_kb(world.stack.pid(name))
        standing = tenants * MOST_FOR_A_TENANT_KB if name == "provisioner" else 0
        assert used < MOST_RESIDENT_KB + standing, f"{name} holds {used} kB for {tenants} tenants"


async def test_the_billing_routes_answer_with_the_catalogs_own_figures(world: World) -> None:
    headers = {"Authorization": f"Bearer {world.endpoints['tokens']['guest']}"}
    base = world.endpoints["gateway"] + "/api/billing"
    async with world.http.get(f"{base}/plans", headers=headers) as answer:
        plans = {plan["id"]: plan for plan in (await answer.json())["data"]}
    assert [plans[name]["price"] for name in ("dev-pool", "pro-pool", "scale-pool")] == [19, 49, 99]
    assert plans["pro-pool"]["resources"]["memory"] == 24
    async with world.http.get(f"{base}/addons", headers=headers) as answer:
        addons = {addon["id"]: addon["price"] for addon in (await answer.json())["data"]}
    assert addons == {"turbo-x1": 9, "turbo-x2": 16}
    async with world.http.get(f"{base}/config", headers=headers) as answer:
        config = (await answer.json())["config"]
    assert config["provider"] == "stripe"
    assert config["features"]["webhooks"] is True
