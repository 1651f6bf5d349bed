"""What happened to one purchase, from every side: for a person who looks for the cause."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from tests.chaos.evidence import SCHEMAS, Evidence, connect
from tests.chaos.judging.case import Case, Finding, cases_of
from tests.chaos.people import Deed
from tests.chaos.stage import Stage

MOST = 5
_TABLES = (
    "subscription.purchases",
    "subscription.invoices",
    "subscription.snapshots",
    "subscription.subscriptions",
    "subscription.orders",
    "subscription.observations",
    "subscription.credit_entries",
    "provisioner.tenants",
)
_LEFT_OUT = ("capacity", "standing", "holding", "appraisal", "offer", "subscription_bytes")
_LONGEST = 700
_AUDIT = """
SELECT at, actor, action, object, reason, details::text AS details FROM {schema}.audit
WHERE object = ANY($1::text[]) OR details::text LIKE '%' || $2 || '%' ORDER BY seq
"""


async def timelines(
    stage: Stage, deeds: Sequence[Deed], evidence: Evidence, findings: Sequence[Finding]
) -> list[str]:
    """Return the story of the first few purchases that something is wrong with."""
    if not findings:
        return []
    wrong = list(dict.fromkeys(finding.who for finding in findings if finding.who))[:MOST]
    cases = cases_of(deeds, evidence, stage.sold)
    lines = ["What was done to the stack:", *stage.striker.log]
    lines += ["What became of its processes:", *stage.deaths.log]
    for case in cases:
        if case.purchase.name in wrong:
            lines += [f"== {case.purchase.name}: {case.purchase}", *case.deed.steps]
            lines += [
                line
                for told in stage.courier.of_customer(case.deed.customer)
                for line in (f"{told.type} {told.id}", *(f"    {each}" for each in told.log))
            ]
            lines += [*_rows(case), *await _audit(stage, case)]
    return lines


def _rows(case: Case) -> Iterator[str]:
    for table in _TABLES:
        for row in case.of_account(table):
            told = {name: _short(value) for name, value in row.items() if name not in _LEFT_OUT}
            yield f"{table}: {told}"[:_LONGEST]


def _short(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%H:%M:%S.%f")[:-3]
    return "…" if isinstance(value, bytes) else value


async def _audit(stage: Stage, case: Case) -> list[str]:
    if not case.account:
        return []
    names = [case.account, *(row["id"] for row in case.of_account("provisioner.tenants"))]
    names += [row["name"] for row in case.of_account("subscription.subscriptions")]
    connection = await connect(stage.sources.database)
    try:
        return [
            f"{_short(row['at'])} {schema} {row['actor']} {row['action']} {row['object']} "
            f"{row['reason']} {row['details']}"[:_LONGEST]
            for schema in SCHEMAS
            for row in await connection.fetch(_AUDIT.format(schema=schema), names, case.account)
        ]
    finally:
        await connection.close()
