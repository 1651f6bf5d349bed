"""Document 003's purchase: plain HTTP at Stripe, a card, and what then stands in Kubernetes."""

from deploy.sandbox.demo.cluster import EXPECTED
from deploy.sandbox.demo.shop import DECLINED_CARD, GOOD_CARD
from deploy.sandbox.demo.tollgate import seconds_between, until
from services.chassis import quantities
from tests.e2e.world import PLAN, World
from tollgate.provisioner.v1 import provisioner_pb2

READY = provisioner_pb2.TENANT_PHASE_READY


async def test_a_payment_makes_one_fenced_namespace_within_a_second(world: World) -> None:
    account = await world.account(await world.buy())
    tenant = await world.tenant(account, READY)
    assert 0 < seconds_between(tenant, tenant.ready_time) < 1

    (namespace,) = await world.cluster.namespaces(account)
    assert namespace["metadata"]["name"] == tenant.namespace
    assert tenant.namespace.startswith("customer-")
    labels = namespace["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels["tollgate.dev/account"] == account


async def test_the_namespace_holds_the_documents_objects_and_numbers(world: World) -> None:
    tenant = await world.tenant(await world.account(await world.buy()), READY)
    objects = await world.cluster.objects(tenant.namespace)
    assert [kind for kind in EXPECTED if not objects[kind]] == []

    quota = objects["ResourceQuota"][0]["spec"]["hard"]
    assert quota["pods"] == "50"
    for resource in ("requests.memory", "limits.memory"):
        assert quantities.equal(quota[resource], "6400M")
    (scaler,) = objects["HorizontalPodAutoscaler"]
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (5, 50)
    assert scaler["spec"]["scaleTargetRef"]["name"] == "sessions"
    assert [item["metadata"]["name"] for item in objects["Deployment"]] == ["sessions"]
    (binding,) = objects["RoleBinding"]
    assert binding["roleRef"]["name"] == "tollgate-tenant-owner"

    async def five_pods() -> bool:
        pods = (await world.cluster.objects(tenant.namespace))["Pod"]
        return len([pod for pod in pods if pod["status"].get("phase") == "Running"]) == 5

    assert await until(five_pods, 15, "five warm pods")


async def test_a_declined_card_provisions_nothing(world: World) -> None:
    sale = await world.shop.sell(PLAN, "eve@example.com")
    assert await world.shop.pay(sale, DECLINED_CARD) == 402
    # A purchase that comes after it is through: whatever the decline caused has had its time.
    await world.tenant(await world.account(await world.buy("after@example.com")), READY)
    assert await world.tollgate.account_of(world.provider_account, sale.customer) is None


async def test_a_second_paid_checkout_of_one_account_is_listed_for_refund(world: World) -> None:
    first = await world.buy()
    account = await world.account(first)
    await world.tenant(account, READY)
    before = await world.tollgate.refunds_due()
    second = await world.shop.sell_to(first.customer, PLAN)
    assert await world.shop.pay(second, GOOD_CARD) == 303

    async def listed() -> bool:
        return await world.tollgate.refunds_due() == before + 1

    assert await until(listed, 20, "the refund to be listed")
    assert len(await world.cluster.namespaces(account)) == 1


async def test_a_canceled_subscription_takes_write_access_and_workloads_away(world: World) -> None:
    sale = await world.buy()
    account = await world.account(sale)
    tenant = await world.tenant(account, READY)
    await world.shop.cancel(await world.shop.subscription_of(sale))
    await world.tenant(account, provisioner_pb2.TENANT_PHASE_SUSPENDED)
    objects = await world.cluster.objects(tenant.namespace)
    assert objects["RoleBinding"] == []
    assert [item["spec"]["replicas"] for item in objects["Deployment"]] == [0]
    assert len(await world.cluster.namespaces(account)) == 1


async def test_a_foreign_checkout_of_document_001_is_parked_where_an_operator_sees_it(
    world: World,
) -> None:
    sale = await world.shop.sell("kube-dc/pro-pool", "org@example.com")
    assert await world.shop.pay(sale, GOOD_CARD) == 303

    async def parked() -> bool:
        return sale.session in await world.tollgate.parked_checkouts()

    assert await until(parked, 20, "the purchase to be parked")
    assert await world.tollgate.account_of(world.provider_account, sale.customer) is None


async def test_a_capacity_that_cannot_be_made_yet_fails_in_words_and_nothing_is_lost(
    world: World,
) -> None:
    sale = await world.shop.sell("collectiveaccess/starter", "museum@example.com")
    assert await world.shop.pay(sale, GOOD_CARD) == 303
    account = await world.account(sale)
    tenant = await world.tenant(account, provisioner_pb2.TENANT_PHASE_FAILED)
    assert tenant.reason == "CAPACITY_KIND_UNSUPPORTED"
    assert await world.cluster.namespaces(account) == []
