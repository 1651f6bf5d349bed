"""Claims stay on their indexes when the tables are full, whatever they are full of."""

import json
from typing import Any

import pytest

from services.chassis import outbox, queue
from services.chassis.db import Pool

_FILL_OUTBOX = """
INSERT INTO outbox (destination, fact_id, fact_key, revision, type, payload, traceparent, due_at)
SELECT 'pricing', 'fct_' || n, 'acc_' || {key}, 1, 't', 'x', '', {due}
FROM generate_series(1, 20000) AS n
"""

_FILL_QUEUE = """
INSERT INTO reconcile_queue (queue, key, priority, due_at)
SELECT 'tenants', 'ten_' || n, n % 2, {due} FROM generate_series(1, 20000) AS n
"""


async def _plan(pool: Pool, sql: str, *args: object) -> dict[str, Any]:
    async with pool.acquire() as conn:
        await conn.execute("ANALYZE outbox, reconcile_queue")
        transaction = conn.transaction()
        await transaction.start()
        text = await conn.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", *args)
        await transaction.rollback()
    plan: dict[str, Any] = json.loads(text)[0]["Plan"]
    return plan


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in _nodes(child))]


def _touched(plan: dict[str, Any]) -> int:
    hit: int = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return hit


def _scanned(plan: dict[str, Any], table: str) -> list[str]:
    return [
        node["Node Type"]
        for node in _nodes(plan)
        if node.get("Relation Name") == table and node["Node Type"] == "Seq Scan"
    ]


@pytest.mark.parametrize(
    ("key", "due", "blocks"),
    [
        pytest.param("n", "now() - interval '1 s'", 2_000, id="many keys"),
        pytest.param("1", "now() - interval '1 s'", 200, id="one hot key"),
        pytest.param("n % 20", "now() + interval '1 h'", 400, id="everything postponed"),
    ],
)
async def test_a_claim_of_the_outbox_reads_heads_only(
    pool: Pool, key: str, due: str, blocks: int
) -> None:
    await pool.execute(_FILL_OUTBOX.format(key=key, due=due))
    plan = await _plan(pool, outbox.CLAIM, "pricing", "", 64, 30.0, 3)
    assert _scanned(plan, "outbox") == []
    assert _touched(plan) < blocks


async def test_an_append_that_could_be_handed_over_probes_its_keys_only(pool: Pool) -> None:
    await pool.execute(_FILL_OUTBOX.format(key="n % 20", due="now()"))
    ids, texts = ["new_1", "new_2"], ["", ""]
    rows = (["pricing"] * 2, ids, ["acc_1", "acc_x"], [1, 1], texts, [b"", b""], texts)
    plan = await _plan(pool, outbox.APPEND, *rows, [30.0, 30.0])
    assert _scanned(plan, "outbox") == []
    assert _touched(plan) < 100


@pytest.mark.parametrize(
    ("due", "blocks"),
    [
        pytest.param("now() - make_interval(secs => n)", 1_000, id="all due"),
        pytest.param("now() + make_interval(secs => n)", 200, id="all timers"),
    ],
)
async def test_a_claim_of_the_queue_reads_what_it_takes_only(
    pool: Pool, due: str, blocks: int
) -> None:
    await pool.execute(_FILL_QUEUE.format(due=due))
    priorities = list(range(9, -1, -1))
    plan = await _plan(pool, queue.CLAIM, "tenants", 16, 30.0, priorities)
    assert _scanned(plan, "reconcile_queue") == []
    assert _touched(plan) < blocks
    oldest = await _plan(pool, queue.CLAIM_OLDEST, "tenants", priorities, 30.0)
    assert _scanned(oldest, "reconcile_queue") == []
    assert _touched(oldest) < 200
