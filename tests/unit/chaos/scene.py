"""A small world in which everything is as it was paid, for tests to break one thing in."""

from dataclasses import replace
from functools import cache
from typing import Any

from tests.chaos.catalogs import OWN, SHIPPED, Sold, read
from tests.chaos.evidence import Evidence
from tests.chaos.judge import judge
from tests.chaos.people import Deed
from tests.chaos.plan import Channel, Outcome, Purchase

NAMESPACE = "customer-1"
PAID = Purchase(1, Channel.SHOP, "sessions/professional", Outcome.PAID, 0.0, 0.0, 0.0)
POOL = Purchase(2, Channel.GATEWAY, "kube-dc/pro-pool", Outcome.PAID, 0.0, 0.0, 0.0)
UNPAID = Purchase(3, Channel.SHOP, "sessions/professional", Outcome.DECLINED, 0.0, 0.0, 0.0)
_ORDER = {"epoch": 1, "generation": 4}
_STAMP = {"tollgate.dev/epoch": "1", "tollgate.dev/generation": "4"}
_PREFIX = "billing.kube-dc.com/"


@cache
def sold() -> dict[str, Sold]:
    """Return what the catalogs of a run sell."""
    return read(SHIPPED) | read(OWN.parent)


class Scene:
    """Three deeds and the evidence that all is well; tests change `rows`, `objects`, `provider`."""

    def __init__(self) -> None:
        self.deeds = [
            Deed(PAID, customer="cus_1", done=True),
            Deed(POOL, customer="cus_2", done=True),
            Deed(UNPAID, customer="cus_3", done=True),
        ]
        self.rows: dict[str, list[dict[str, Any]]] = _rows()
        self.objects: dict[str, list[dict[str, Any]]] = _objects()
        self.provider: dict[str, list[dict[str, Any]]] = _provider()
        self.resident = {"gateway": 90_000}
        self.told = frozenset({"evt_1"})

    @property
    def evidence(self) -> Evidence:
        """What the judge is shown."""
        return Evidence(self.rows, self.objects, self.provider, self.resident, self.told)

    def play(self, outcome: Outcome) -> None:
        """Let the first purchase have been another."""
        self.deeds[0].purchase = replace(PAID, outcome=outcome)

    def findings(self) -> list[str]:
        """Return what the judge says."""
        return [str(finding) for finding in judge(self.deeds, self.evidence, sold())]


def _rows() -> dict[str, list[dict[str, Any]]]:
    accounts = [
        ("acc_1", "USER", "", "cus_1", "cs_1"),
        ("acc_2", "ORGANIZATION", "chaos-2", "cus_2", "cs_2"),
    ]
    tables: dict[str, list[dict[str, Any]]] = {
        "payments.events": [{"event_id": "evt_1", "state": "DONE", "reason": ""}],
        "payments.operations": [{"id": "op_1", "kind": "CHECKOUT", "state": "MADE"}],
    }
    for name, kind, outside, customer, session in accounts:
        both: dict[str, dict[str, Any]] = {
            "subscription.accounts": {"name": name, "kind": kind, "external_id": outside},
            "subscription.customers": {"account": name, "customer_id": customer},
            "subscription.purchases": {
                "account": name,
                "checkout_id": session,
                "status": "APPLIED",
                "reason": "",
                "refund_time": None,
            },
            "subscription.invoices": {"account": name, "invoice_id": f"in_{name}", "paid": 4900},
            "subscription.orders": {
                "account": name,
                "incarnation": 1,
                "phase": "RUNNING",
                "capacity_kind": "namespace",
                **_ORDER,
            },
            "subscription.observations": {
                "account": name,
                "incarnation": 1,
                "phase": "Ready",
                **_ORDER,
            },
            "provisioner.tenants": {
                "id": f"ten_{name}",
                "account": name,
                "incarnation": 1,
                "ordered_phase": "RUNNING",
                "observed_generation": 4,
                "phase": "READY",
                "reason": "",
                "namespace": NAMESPACE,
                "uid": "uid-1",
                "owner_subject": "",
                **_ORDER,
            },
        }
        for table, row in both.items():
            tables.setdefault(table, []).append(row)
    pool = {"account": "acc_1", "pool": "sessions"}
    tables["subscription.credit_pools"] = [
        {**pool, "posted": 5000, "held": 0, "debt": 0, "last_sequence": 1}
    ]
    tables["subscription.credit_entries"] = [
        {
            **pool,
            "name": "ent_1",
            "sequence": 1,
            "movement": "GRANT",
            "amount": 5000,
            "debit_side": "granted",
            "credit_side": "available",
        }
    ]
    parts = {"granted": 5000, "remaining": 5000, "held": 0, "spent": 0, "expired": 0, "reversed": 0}
    tables["subscription.credit_grants"] = [{**pool, "name": "grt_1", **parts}]
    return tables


def _object(name: str, **content: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, "annotations": dict(_STAMP)}
    return {"metadata": metadata, **content}


def _objects() -> dict[str, list[dict[str, Any]]]:
    labels = {
        "tollgate.dev/account": "acc_1",
        "pod-security.kubernetes.io/enforce": "restricted",
    }
    quota = {"pods": "50", "requests.memory": "6400M", "limits.memory": "6400M"}
    container = {
        "type": "Container",
        "default": {"cpu": "500m", "memory": "128M"},
        "defaultRequest": {"cpu": "50m", "memory": "128M"},
    }
    image = {"image": "ghcr.io/tollgate-dev/browser-session:1"}
    deployment = {"replicas": 5, "template": {"spec": {"containers": [image]}}}
    subject = {"kind": "Group", "name": "tollgate:account:acc_1"}
    plan = {"requests.cpu": "6", "requests.memory": "20Gi", "requests.storage": "100Gi"}
    rest = {"requests.cpu": "2", "requests.memory": "4Gi", "requests.storage": "60Gi"}
    organization = {
        "name": "chaos-2",
        "annotations": {f"{_PREFIX}subscription": "active", f"{_PREFIX}plan-id": "pro-pool"},
    }
    return {
        "Namespace": [{"metadata": {"name": NAMESPACE, "uid": "uid-1", "labels": labels}}],
        "ResourceQuota": [
            _object("tollgate-quota", spec={"hard": quota}),
            {"metadata": {"name": "plan-quota", "namespace": "chaos-2"}, "spec": {"hard": rest}},
            {
                "metadata": {"name": "plan-quota", "namespace": "chaos-2-web"},
                "spec": {"hard": plan},
            },
        ],
        "LimitRange": [_object("tollgate-limits", spec={"limits": [container]})],
        "NetworkPolicy": [
            _object(f"tollgate-{name}")
            for name in ("default-deny", "allow-dns", "allow-same-namespace")
        ],
        "Deployment": [_object("sessions", spec=deployment)],
        "HorizontalPodAutoscaler": [
            _object("sessions", spec={"minReplicas": 5, "maxReplicas": 50})
        ],
        "RoleBinding": [
            _object("tollgate-owner", subjects=[subject], roleRef={"name": "tollgate-tenant-owner"})
        ],
        "Organization": [{"metadata": organization}],
    }


def _provider() -> dict[str, list[dict[str, Any]]]:
    def subscription(number: int, price: str) -> dict[str, Any]:
        items = {"data": [{"price": {"id": price}}]}
        return {
            "id": f"sub_{number}",
            "customer": f"cus_{number}",
            "status": "active",
            "items": items,
        }

    ours = {"tollgate_account": "acc_2"}
    return {
        "customers": [
            {"id": "cus_1", "metadata": {}},
            {"id": "cus_2", "metadata": ours},
            {"id": "cus_3", "metadata": {}},
        ],
        "checkout/sessions": [
            {"id": "cs_1", "customer": "cus_1", "status": "complete", "metadata": {}},
            {"id": "cs_2", "customer": "cus_2", "status": "complete", "metadata": ours},
            {"id": "cs_3", "customer": "cus_3", "status": "open", "metadata": {}},
        ],
        "subscriptions": [
            subscription(1, "price_sessions_professional"),
            subscription(2, "price_kube_dc_pro_pool"),
        ],
        "invoices": [
            {
                "id": f"in_acc_{number}",
                "customer": f"cus_{number}",
                "status": "paid",
                "amount_paid": 4900,
            }
            for number in (1, 2)
        ],
        "charges": [{"id": f"ch_{number}", "customer": f"cus_{number}"} for number in (1, 2)],
        "refunds": [],
    }
