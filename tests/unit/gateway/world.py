"""The gateway over services in memory, with a token for each role."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import httpx

from gateway.app import Dialects, Services, for_browsers, make_app
from gateway.limits import MAX_WEBHOOK_BYTES, InFlight
from gateway.ports import (
    AccountKind,
    AddonQuantity,
    Held,
    IngestAnswer,
    LimitRangeItem,
    Offer,
    OrganizationQuota,
    Project,
    ProjectQuota,
    QuotaBackend,
    State,
    Webhook,
)
from gateway.routes.webhooks import WebhookEdge
from services.chassis.callrate import CallRate
from services.chassis.clock import SystemClock
from services.chassis.errors import Unauthenticated
from services.chassis.groupcommit import GroupCommit
from services.chassis.identity import Principal
from services.chassis.money import Money
from services.chassis.tokens import TokenVerifier
from tests.fakes.gateway import (
    MemoryPayments,
    MemoryPricing,
    MemorySubscription,
)
from tests.fakes.gateway_costs import MemoryCosts
from tests.fakes.gateway_provisioner import MemoryProvisioner

CONSOLE = "https://console.example"
_ACME = "https://login.example/realms/acme"
ADMIN = Principal("ada", "user", _ACME, "ada@acme.example", "acme", (), ("org-admin", "user"))
USER = Principal("uma", "user", _ACME, "uma@acme.example", "acme", ("acme-web",), ("user",))
GUEST = Principal("gus", "user", _ACME, "", "acme")
PLATFORM = Principal(
    "root", "user", "https://login.example/realms/master", groups=("platform-admin",)
)
OTHER = Principal(
    "olga", "user", "https://login.example/realms/other", "", "other", (), ("org-admin",)
)
TOKENS = {"admin": ADMIN, "user": USER, "guest": GUEST, "platform": PLATFORM, "other": OTHER}

PRO = Offer(
    name="kube-dc/pro-pool",
    display_name="Pro Pool",
    description="Production and teams",
    monthly=Money("eur", 4950),
    recommended=True,
    highlights=("8 vCPU",),
    quota={"cpu": "8", "memory": "24Gi", "storage": "160Gi", "pods": "200"},
    object_storage_gb=100,
    public_ips=1,
)
TURBO = Offer(
    name="kube-dc/turbo-x1",
    display_name="Turbo x1",
    description="+2",
    monthly=Money("eur", 900),
    recommended=False,
    highlights=(),
    quota={"cpu": "2500m", "memory": "4Gi"},
    object_storage_gb=None,
    public_ips=None,
)
HELD = Held(
    name="tsub_1",
    plan="kube-dc/pro-pool",
    plan_display_name="Pro Pool",
    catalog_version="v1",
    state=State.ACTIVE,
    addons=(AddonQuantity("kube-dc/turbo-x1", 1),),
    create_time=datetime(2026, 2, 11, 9, tzinfo=UTC),
    provider_subscription_id="sub_1Q",
    provider_customer_id="cus_9F",
    begin_time=datetime(2026, 2, 11, 9, tzinfo=UTC),
    period_end=datetime(2026, 3, 11, 9, tzinfo=UTC),
)
QUOTA = OrganizationQuota(
    organization="acme",
    backend=QuotaBackend.HIERARCHICAL,
    limits={"cpu": "10500m", "memory": "28Gi", "storage": "160Gi", "pods": "200"},
    used={"cpu": "4200m", "memory": "12800Mi", "pods": "23"},
    hard={"requests.cpu": "10800m", "requests.memory": "29056Mi"},
    public_ips_used=1,
    public_ips_limit=None,
    limit_range=True,
    limit_range_managed=True,
    enforced=True,
    projects=(Project("acme-shop", "shop"), Project("acme-web", "web")),
)
WEB = ProjectQuota(
    project="web",
    namespace="acme-web",
    set=False,
    hard={},
    used={},
    plan_hard={"requests.cpu": "4800m"},
    plan_used={"requests.cpu": "1200m"},
    limits=(LimitRangeItem("Container", default={"cpu": "500m"}, default_request={"cpu": "100m"}),),
)
SHOP = replace(WEB, project="shop", namespace="acme-shop")


class Tokens(TokenVerifier):
    """Knows a token for each role; everything else is refused."""

    def __init__(self) -> None:
        super().__init__("http://idp", audience="tollgate", clock=SystemClock())

    async def verify(self, token: str) -> Principal:
        if token not in TOKENS:
            raise Unauthenticated("The token cannot be verified.", reason="TOKEN_REFUSED")
        return TOKENS[token]


class HandClock(SystemClock):
    """Monotonic time that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class World:
    """The application and everything behind it."""

    http: httpx.AsyncClient
    payments: MemoryPayments
    pricing: MemoryPricing
    subscription: MemorySubscription
    provisioner: MemoryProvisioner
    in_flight: InFlight
    clock: HandClock = field(default_factory=HandClock)
    costs: MemoryCosts = field(default_factory=MemoryCosts)

    async def call(
        self, role: str, method: str, path: str, body: object = None, **headers: str
    ) -> httpx.Response:
        """Call as one role, nobody if it is empty."""
        bearer = {"Authorization": f"Bearer {role}"} if role else {}
        # Escaped to ASCII: also what no UTF-8 could carry.
        content = b"" if body is None else json.dumps(body).encode()
        return await self.http.request(method, path, content=content, headers=bearer | headers)

    def holds(self, *held: Held, organization: str = "acme") -> None:
        """Give an organization an account with subscriptions."""
        key = (AccountKind.ORGANIZATION, organization)
        account = self.subscription.accounts.setdefault(key, f"acc_{organization}")
        self.subscription.held[account] = list(held)


def _provisioner() -> MemoryProvisioner:
    projects = {("acme", one.project): one for one in (WEB, SHOP)}
    return MemoryProvisioner({"acme": QUOTA}, projects)


@asynccontextmanager
async def running(*, catalog_public: bool = False, per_minute: int = 60) -> AsyncIterator[World]:
    """Run the gateway over services in memory."""
    payments, in_flight = MemoryPayments(), InFlight(requests=64, body_bytes=8 * MAX_WEBHOOK_BYTES)
    pricing = MemoryPricing({"kube-dc": [PRO]}, {"kube-dc": [TURBO]})
    subscription = MemorySubscription(
        plans=frozenset({"kube-dc/pro-pool", "kube-dc/dev-pool"}),
        addon_names=frozenset({"kube-dc/turbo-x1", "kube-dc/turbo-x2"}),
    )
    provisioner, clock, costs = _provisioner(), HandClock(), MemoryCosts()
    batches: GroupCommit[Webhook, IngestAnswer] = GroupCommit(
        payments.ingest, key=lambda _: 0, size=lambda webhook: len(webhook.body)
    )

    async def ready() -> bool:
        return True

    app = make_app(
        Services(payments, pricing, subscription, provisioner, costs),
        Dialects("kube-dc", "scaffolder", CONSOLE, catalog_public),
        edge=WebhookEdge(batches, in_flight, SystemClock()),
        verifier=Tokens(),
        rate=CallRate(per_minute, clock),
        ready=ready,
    )
    stopping = asyncio.Event()
    transport = httpx.ASGITransport(for_browsers(app, CONSOLE), raise_app_exceptions=False)
    async with asyncio.TaskGroup() as group:
        group.create_task(batches.run(stopping))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
            yield World(http, payments, pricing, subscription, provisioner, in_flight, clock, costs)
        stopping.set()
