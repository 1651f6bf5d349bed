"""Whether the credit ledger adds up, and holds what was paid for and nothing else."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tests.chaos.evidence import Evidence, Row, grouped
from tests.chaos.judging.case import Case, Finding
from tests.chaos.plan import Outcome, Standing

_OURS = ("available", "held")
_PARTS = ("remaining", "held", "spent", "expired", "reversed")


def judge_ledger(cases: Iterable[Case], evidence: Evidence) -> Iterator[Finding]:
    """Return what does not add up in a pool, and grants that nobody or everybody paid for."""
    entries = _by_pool(evidence.table("subscription.credit_entries"))
    grants = _by_pool(evidence.table("subscription.credit_grants"))
    pools = {
        (row["account"], row["pool"]): row for row in evidence.table("subscription.credit_pools")
    }
    for key in sorted(entries.keys() | grants.keys() | pools.keys()):
        yield from _pool(key, entries.get(key, []), grants.get(key, []), pools.get(key))
    overall = sum(sum(_sides(rows).values()) for rows in entries.values())
    if overall:
        yield Finding("", f"the ledger's sides sum to {overall}")
    known: set[tuple[str, str]] = set()
    for case in cases:
        yield from _paid_for(case, entries, known)
    for account, pool in sorted(entries.keys() - known):
        yield Finding("", f"{account} has credits of {pool} that no purchase is for")


def _by_pool(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    return {
        (account, pool): own
        for account, theirs in grouped(rows, "account").items()
        for pool, own in grouped(theirs, "pool").items()
    }


def _pool(
    key: tuple[str, str], entries: Sequence[Row], grants: Sequence[Row], pool: Row | None
) -> Iterator[Finding]:
    name = "/".join(key)
    if pool is None:
        yield Finding("", f"{name} has entries or grants and no pool")
        return
    entries = sorted(entries, key=lambda row: int(row["sequence"]))
    numbers = [row["sequence"] for row in entries]
    if numbers != list(range(1, pool["last_sequence"] + 1)):
        yield Finding("", f"the entries of {name} are numbered {numbers}")
    sides = _sides(entries)
    if sum(sides.values()):
        yield Finding("", f"the sides of {name} sum to {sum(sides.values())}: {dict(sides)}")
    ours = sum(sides[side] for side in _OURS)
    if (ours, sides["held"]) != (pool["posted"], pool["held"]):
        yield Finding("", f"{name} is told as {pool['posted']}, its entries make {ours}")
    left = sum(row["remaining"] + row["held"] for row in grants)
    if left != pool["posted"]:
        yield Finding("", f"{name} is told as {pool['posted']}, its grants have {left} left")
    for row in grants:
        if row["granted"] != sum(row[part] for part in _PARTS):
            yield Finding("", f"the grant {row['name']} does not add up")


def _sides(entries: Iterable[Row]) -> Counter[str]:
    """Return what every side has: what it was given, less what it gave."""
    sides: Counter[str] = Counter()
    for row in entries:
        sides[row["debit_side"]] -= row["amount"]
        sides[row["credit_side"]] += row["amount"]
    return sides


def _paid_for(
    case: Case, entries: Mapping[tuple[str, str], Sequence[Row]], known: set[tuple[str, str]]
) -> Iterator[Finding]:
    """Each period that was paid grants its plan's credits once."""
    sold = case.sold[case.purchase.final_plan]
    key = (case.account, sold.name.partition("/")[0])
    known.add(key)
    granted = [row["amount"] for row in entries.get(key, ()) if row["movement"] == "GRANT"]
    least, most = _times(case) if sold.credits else (0, 0)
    if not least <= len(granted) <= most or set(granted) - {sold.credits}:
        yield case.wrong(f"was granted {granted}, not {sold.credits} {least} to {most} times")


def _times(case: Case) -> tuple[int, int]:
    """Return how often credits may have been granted.

    What was canceled before its payment was heard of never was in force, and grants nothing.
    """
    if case.standing is Standing.NOTHING:
        return 0, 0
    if case.purchase.outcome is Outcome.RETURNED:
        return 1, 2
    return (1, 1) if case.standing is Standing.RUNNING else (0, 1)
