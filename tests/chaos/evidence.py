"""What the judge looks at: every service's rows, the cluster's objects, the provider's objects."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from deploy.sandbox.stack.kubeapi import KubeApi

Row = Mapping[str, Any]
Obj = Mapping[str, Any]

TABLES: Mapping[str, str] = {
    "subscription.accounts": "*",
    "subscription.customers": "*",
    "subscription.purchases": "*",
    "subscription.invoices": "*",
    "subscription.snapshots": "*",
    "subscription.subscriptions": "*",
    "subscription.orders": "*",
    "subscription.observations": "*",
    "subscription.credit_pools": "*",
    "subscription.credit_entries": "*",
    "subscription.credit_grants": "*",
    "payments.events": "*",
    "payments.operations": "id, kind, account_id, object_id, state, result, created_at",
    "payments.checkouts": "*",
    "payments.customers": "*",
    "provisioner.tenants": "*",
}
SCHEMAS = ("pricing", "subscription", "payments", "provisioner")
_CHASSIS = ("outbox", "dead_letters", "inbox_parked", "reconcile_queue")
KINDS: Mapping[str, str] = {
    "Namespace": "/api/v1/namespaces",
    "ResourceQuota": "/api/v1/resourcequotas",
    "LimitRange": "/api/v1/limitranges",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/networkpolicies",
    "Deployment": "/apis/apps/v1/deployments",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/horizontalpodautoscalers",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/rolebindings",
    "Organization": "/apis/kube-dc.com/v1/organizations",
}
_PROVIDER = ("customers", "checkout/sessions", "subscriptions", "invoices", "charges", "refunds")


@dataclass(slots=True)
class Evidence:
    """Everything at one moment. ``rows`` by table, ``objects`` by kind, ``provider`` by list."""

    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    objects: Mapping[str, Sequence[Obj]] = field(default_factory=dict)
    provider: Mapping[str, Sequence[Obj]] = field(default_factory=dict)
    resident_kb: Mapping[str, int] = field(default_factory=dict)
    events_told: frozenset[str] = frozenset()

    def table(self, name: str) -> Sequence[Row]:
        """Return the rows of a table, such as ``subscription.orders``."""
        return self.rows.get(name, ())

    def inside(self, namespace: str) -> dict[str, list[Obj]]:
        """Return what stands in a namespace, by kind."""
        return {
            kind: [item for item in items if item["metadata"].get("namespace") == namespace]
            for kind, items in self.objects.items()
        }


def grouped(rows: Iterable[Row], column: str) -> dict[Any, list[Row]]:
    """Return rows by the value of a column."""
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[column]].append(row)
    return groups


@dataclass(frozen=True, slots=True)
class Sources:
    """Where evidence is found."""

    database: str
    kubeconfig: Path
    stripe: str
    stripe_key: str
    home: Path


async def collect(sources: Sources, events_told: frozenset[str]) -> Evidence:
    """Read everything; the stack has to be up."""
    rows, objects, provider = await asyncio.gather(
        _rows(sources.database), _objects(sources.kubeconfig), _provider(sources)
    )
    return Evidence(rows, objects, provider, resident(sources.home), events_told)


def resident(home: Path) -> dict[str, int]:
    """Return the resident memory of each process of the stack, in kB."""
    found = {}
    for file in (home / "run").glob("*.pid"):
        status = Path(f"/proc/{int(file.read_text())}/status").read_text()
        lines = [line for line in status.splitlines() if line.startswith("VmRSS")]
        found[file.stem] = int(lines[0].split()[1])
    return found


async def connect(database: str) -> "asyncpg.Connection[asyncpg.Record]":
    """Connect as superuser; JSON columns come as what they hold."""
    connection = await asyncpg.connect(database, timeout=10)
    await connection.set_type_codec(
        "jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
    )
    return connection


async def _rows(database: str) -> dict[str, list[Row]]:
    connection = await connect(database)
    wanted = dict(TABLES) | {f"{schema}.{t}": "*" for schema in SCHEMAS for t in _CHASSIS}
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return {
                name: await _table(connection, name, columns) for name, columns in wanted.items()
            }
    finally:
        await connection.close()


async def _table(
    connection: "asyncpg.Connection[asyncpg.Record]", name: str, columns: str
) -> list[Row]:
    found = await connection.fetch(f"SELECT {columns} FROM {name}")  # noqa: S608 - our own names
    return [dict(row) for row in found]


async def _objects(kubeconfig: Path) -> dict[str, list[Obj]]:
    async with KubeApi(kubeconfig) as api:
        return {kind: (await api.call("GET", path))["items"] for kind, path in KINDS.items()}


async def _provider(sources: Sources) -> dict[str, list[Obj]]:
    headers = {"Authorization": f"Bearer {sources.stripe_key}"}
    async with aiohttp.ClientSession(sources.stripe, headers=headers) as http:
        return {name: await _all_of(http, name) for name in _PROVIDER}


async def _all_of(http: aiohttp.ClientSession, name: str) -> list[Obj]:
    found: list[Obj] = []
    query = {"limit": "100"} | ({"status": "all"} if name == "subscriptions" else {})
    while True:
        async with http.get(f"/v1/{name}", params=query) as answer:
            answer.raise_for_status()
            page = await answer.json()
        found += page["data"]
        if not page["has_more"]:
            return found
        query["starting_after"] = found[-1]["id"]


_OPEN = "SELECT '{0} outbox', count(*) FROM {0}.outbox UNION ALL SELECT '{0} queue', count(*)"
_OPEN += " FROM {0}.reconcile_queue WHERE running OR failures > 0 OR due_at <= now()"
_OPEN_OTHERS = """
SELECT 'events', count(*) FROM payments.events WHERE state = 'PENDING'
UNION ALL SELECT 'operations', count(*) FROM payments.operations WHERE state = 'STARTED'
UNION ALL SELECT 'refunds', count(*) FROM subscription.purchases
WHERE status = 'REFUND_DUE' AND refund_time IS NULL
UNION ALL SELECT 'endings', count(*) FROM subscription.subscriptions
WHERE over_time IS NULL AND due <= now()
"""


async def still_open(database: str) -> dict[str, int]:
    """Return how much work the services still have, by what it is; empty if they rest."""
    connection = await connect(database)
    try:
        queries = [*(_OPEN.format(schema) for schema in SCHEMAS), _OPEN_OTHERS]
        found = await connection.fetch(" UNION ALL ".join(queries))
        return {name: count for name, count in found if count}
    finally:
        await connection.close()
