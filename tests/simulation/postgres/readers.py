"""How each table is read that invariants ask for: a line for each, by service."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime
from math import inf
from typing import Any

import asyncpg

from services.chassis.inbox import Parked
from services.payments.domain import ObjectRef
from services.payments.store import _to_event
from services.payments.store.commerce import _to_operation
from services.provisioner.ports import Audited
from services.provisioner.store import PgStore as ProvisionerStore
from services.subscription.auditing import Actor, Change
from services.subscription.domain import Snapshot, UnitKey
from services.subscription.incoming import Customer
from services.subscription.ledger import Balance, Pool
from services.subscription.store.grants import to_grant
from services.subscription.store.ledger import _entry, _hold
from services.subscription.store.rows import (
    to_account,
    to_fact,
    to_observation,
    to_order,
    to_purchase,
    to_snapshot,
    to_subscription,
)
from tests.fakes.memory_outbox import DeadRow, OutboxRow
from tests.fakes.memory_queue import QueueRow
from tests.fakes.payments import ObjectRow
from tests.fakes.subscription_facts import CustomerRow
from tests.fakes.subscription_giving_way import RefundRow
from tests.simulation.services.rows import CODEC

_Row = asyncpg.Record


@dataclass(frozen=True, slots=True)
class Reader:
    """How a table is read: its statement, and the key and value of a row.

    ``of`` are the tables that the statement reads; rows of one that only ``grows`` are numbered by
    ``seq`` and stay as they are.
    """

    sql: str
    row: Callable[[_Row], tuple[Any, Any]]
    of: tuple[str, ...]
    grows: bool = False


def _plain(table: str, row: Callable[[_Row], tuple[Any, Any]]) -> Reader:
    return Reader(f"SELECT * FROM {table}", row, (table,))  # noqa: S608 - constants


def _log(row: Callable[[_Row], tuple[Any, Any]]) -> Reader:
    return Reader("SELECT * FROM audit", row, ("audit",), grows=True)


def _named(build: Callable[[_Row], Any]) -> Callable[[_Row], tuple[Any, Any]]:
    return lambda row: (row["name"], build(row))


def _waiting(row: _Row) -> tuple[int, OutboxRow]:
    due = row["due_at"].timestamp()
    kept = OutboxRow(
        row["seq"], row["destination"], to_fact(row), due, row["epoch"], row["failures"]
    )
    return row["seq"], kept


def _dead(row: _Row) -> tuple[int, DeadRow]:
    return row["seq"], DeadRow(row["destination"], to_fact(row), row["reason"])


def _queued(row: _Row) -> tuple[tuple[str, str], QueueRow]:
    due, later = (_seconds(row[name]) for name in ("due_at", "next_at"))
    known = QueueRow(
        due,
        row["priority"],
        row["generation"],
        row["running"],
        later,
        row["epoch"],
        row["failures"],
    )
    return (row["queue"], row["key"]), known


def _seconds(time: datetime) -> float:
    return inf if time.year == MAXYEAR else time.astimezone(UTC).timestamp()


def _parked(row: _Row) -> tuple[tuple[str, str], Parked]:
    parked = Parked(
        row["seq"],
        to_fact(row),
        row["source"],
        row["waiting_for"],
        row["reason"],
        row["parked_at"],
    )
    return (row["source"], row["fact_id"]), parked


def _change(row: _Row) -> tuple[int, Change]:
    actor = Actor(row["actor"], row["trace_id"])
    details = tuple(row["details"].items())
    return row["seq"], Change(actor, row["action"], row["object"], row["reason"], details)


def _audited(row: _Row) -> tuple[int, Audited]:
    told = Audited(row["actor"], row["action"], row["object"], row["reason"], row["details"])
    return row["seq"], told


def _customer(row: _Row) -> tuple[Customer, CustomerRow]:
    who = Customer(row["provider"], row["provider_account"], row["customer_id"])
    return who, CustomerRow(row["account"] or "")


def _snapshot(row: _Row) -> tuple[UnitKey, Snapshot]:
    where = (row["provider"], row["provider_account"], row["provider_subscription_id"])
    return UnitKey(*where), to_snapshot(row)


def _refund(row: _Row) -> tuple[str, RefundRow]:
    decided = row["refund_decided"]
    return row["name"], RefundRow(
        decided,
        row["refund_next"] or decided,
        tries=row["refund_tries"],
        refund_id=row["refund_id"] if row["refund_time"] else None,
        heard=row["refund_heard"],
        rounds=row["refund_rounds"],
        rounds_done=row["refund_rounds_done"],
    )


def _balance(row: _Row) -> tuple[Pool, tuple[Balance, int]]:
    pool = Pool(row["account"], row["pool"])
    return pool, (Balance(pool, row["posted"], row["held"], row["debt"]), row["last_sequence"])


def _entered(row: _Row) -> tuple[str, Any]:
    return row["name"], _entry(row)


def _object(row: _Row) -> tuple[tuple[str, str, ObjectRef], ObjectRow]:
    ref = ObjectRef.from_key(f"{row['kind']}:{row['object_id']}")
    place = (row["provider"], row["provider_account"], ref)
    return place, ObjectRow(row["revision"], row["ticket"], row["digest"])


def _tenant(row: _Row) -> tuple[str, Any]:
    store = ProvisionerStore(_NO_CONNECTION, CODEC)
    return row["id"], store._read(row)


_NO_CONNECTION: Any = None

_CHASSIS = {
    "outbox": _plain("outbox", _waiting),
    "dead_letters": _plain("dead_letters", _dead),
    "reconcile_queue": _plain("reconcile_queue", _queued),
    "inbox_parked": _plain("inbox_parked", _parked),
}

READERS: dict[str, dict[str, Reader]] = {
    "pricing": _CHASSIS,
    "subscription": {
        **_CHASSIS,
        "accounts": _plain("accounts", _named(to_account)),
        "customers": _plain("customers", _customer),
        "purchases": _plain("purchases", _named(to_purchase)),
        "invoices": _plain(
            "invoices",
            lambda row: (
                (row["provider"], row["provider_account"], row["invoice_id"]),
                row["account"] or "",
            ),
        ),
        "snapshots": _plain("snapshots", _snapshot),
        "subscriptions": _plain("subscriptions", _named(to_subscription)),
        "orders": _plain(
            "orders", lambda row: ((row["account"], row["incarnation"]), to_order(row))
        ),
        "observations": _plain("observations", lambda row: (row["tenant"], to_observation(row))),
        "audit": _log(_change),
        "refunds": Reader(
            "SELECT * FROM purchases WHERE refund_decided IS NOT NULL", _refund, ("purchases",)
        ),
        "credit_pools": _plain("credit_pools", _balance),
        "credit_entries": _plain("credit_entries", _entered),
        "credit_grants": _plain("credit_grants", _named(to_grant)),
        "credit_holds": _plain("credit_holds", _named(_hold)),
    },
    "payments": {
        **_CHASSIS,
        "events": _plain(
            "events", lambda row: ((row["provider"], row["event_id"]), _to_event(row))
        ),
        "operations": Reader(
            "SELECT *, 0::float8 AS key_age FROM operations",
            lambda row: (row["id"], _to_operation(row)),
            ("operations",),
        ),
        "provider_objects": _plain("provider_objects", _object),
    },
    "provisioner": {
        **_CHASSIS,
        "tenants": _plain("tenants", _tenant),
        "audit": _log(_audited),
    },
}
"""Readers by service and table."""
