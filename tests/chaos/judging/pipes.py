"""Whether the pipes between the services are empty, and nothing fell beside them."""

from collections import Counter
from collections.abc import Iterator, Mapping

from tests.chaos.evidence import SCHEMAS, Evidence
from tests.chaos.judging.case import Finding

MOST_RESIDENT_KB = 160 * 1024
"""For each process, besides what it keeps for each tenant."""
MOST_FOR_A_TENANT_KB = 150
_OURS = ("gateway", *SCHEMAS)
_SETTLED = ("DONE", "IGNORED")


def judge_pipes(evidence: Evidence) -> Iterator[Finding]:
    """Return what waits, what was given up, and what never came in."""
    for schema in SCHEMAS:
        yield from _waiting(schema, evidence)
    yield from _events(evidence)
    open_operations = [
        f"{row['id']} ({row['kind']})"
        for row in evidence.table("payments.operations")
        if row["state"] == "STARTED"
    ]
    if open_operations:
        yield Finding("", f"operations are not settled: {', '.join(open_operations)}")
    yield from _memory(evidence)


def _waiting(schema: str, evidence: Evidence) -> Iterator[Finding]:
    for row in evidence.table(f"{schema}.outbox"):
        told = f"{row['type']} {row['fact_id']} to {row['destination']}: {row['last_error']}"
        yield Finding("", f"the outbox of {schema} still has {told}")
    for row in evidence.table(f"{schema}.dead_letters"):
        yield Finding("", f"{schema} gave up {row['type']} {row['fact_id']}: {row['reason']}")
    for row in evidence.table(f"{schema}.inbox_parked"):
        told = f"{row['type']} {row['fact_id']}, which waits for {row['waiting_for']}"
        yield Finding("", f"{schema} has parked {told}: {row['reason']}")
    for row in evidence.table(f"{schema}.reconcile_queue"):
        if row["failures"]:
            yield Finding(
                "", f"{schema} fails with {row['queue']} {row['key']}: {row['last_error']}"
            )


def _events(evidence: Evidence) -> Iterator[Finding]:
    rows = evidence.table("payments.events")
    stored = {row["event_id"] for row in rows}
    for name in sorted(evidence.events_told - stored):
        yield Finding("", f"the event {name} was answered and is not stored")
    states = Counter(row["state"] for row in rows if row["state"] not in _SETTLED)
    for state, number in states.items():
        reasons = sorted({row["reason"] for row in rows if row["state"] == state})
        yield Finding("", f"{number} events are {state}: {', '.join(reasons)}")


def _memory(evidence: Evidence) -> Iterator[Finding]:
    tenants = len(evidence.table("provisioner.tenants"))
    bound = MOST_RESIDENT_KB + tenants * MOST_FOR_A_TENANT_KB
    for name, used in evidence.resident_kb.items():
        if name in _OURS and used > bound:
            yield Finding("", f"{name} holds {used} kB for {tenants} tenants, more than {bound}")


def own_deaths(deaths: Mapping[str, int], caused: Mapping[str, int]) -> Iterator[Finding]:
    """Return who died more often than it was killed. PostgreSQL's restarts may take two tries."""
    for name, number in deaths.items():
        if name in _OURS and number > caused.get(name, 0):
            yield Finding("", f"{name} died {number} times and was killed {caused.get(name, 0)}")
