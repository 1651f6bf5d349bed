"""What the processes' own logs, and their tables, tell of payments on their way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from tests.bench.stack import BenchStack

_INGEST = "/tollgate.payments.v1.PaymentsService/IngestEvents"
# A tenant knows when the webhook of its payment came in; so does the fold of the checkout.
_TAKEN = """
SELECT t.id, t.receive_time, min(p.create_time) AS taken
FROM provisioner.tenants t JOIN subscription.purchases p USING (account)
WHERE t.receive_time IS NOT NULL GROUP BY 1, 2"""

HOPS = (
    ("stored", "from the webhook's arrival until its object's fold begins"),
    ("fetched", "for the provider's answer"),
    ("folded", "until the facts are committed"),
    ("delivered", "until subscription begins to take the fact"),
    ("ordered", "until the provisioner has the order"),
    ("begun", "until its worker begins"),
    ("claimed", "until the namespace stands"),
    ("fenced", "until quota, limits and policies stand"),
    ("isolated", "until the isolation is read back"),
    ("workloads", "until the rest stands"),
    ("settled", "until that is written down: ready"),
)
"""The hops of a payment in their order, each with what it waits for."""


@dataclass
class Log:
    """A log that is read on from where it was."""

    file: Path
    read: int = 0

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of this event that came since the last reading."""
        with self.file.open("rb") as log:
            log.seek(self.read)
            fresh = log.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self.read += len(whole)
        found = [orjson.loads(line) for line in whole.splitlines() if line.startswith(b"{")]
        return [line for line in found if line["event"] == event]


@dataclass
class Watch:
    """Follows the logs of a stack while payments come in."""

    stack: BenchStack

    def __post_init__(self) -> None:
        logs = self.stack.home / "log"
        self._provisioner = Log(logs / "provisioner.log")
        self._payments = Log(logs / "payments.log")
        self._rpcs = Log(logs / "payments.log")

    def ready(self) -> list[dict[str, Any]]:
        """Return what was said of tenants that became ready since the last time."""
        return self._provisioner.lines("tenant ready")

    def stored(self) -> list[float]:
        """Return how long the batches of webhooks took in payments, in milliseconds."""
        return [line["ms"] for line in self._rpcs.lines("rpc") if line["method"] == _INGEST]

    async def hops(self, ready: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
        """Return the milliseconds of each hop of each payment of which all is known."""
        folds = {
            datetime.fromisoformat(line["received"]): line
            for line in self._payments.lines("object folded")
            if line["key"].startswith("checkout:")
        }
        async with self.stack.database() as database:
            rows = {row["id"]: row for row in await database.fetch(_TAKEN)}
        found = []
        for line in ready:
            row = rows.get(line["tenant"])
            fold = None if row is None else folds.get(row["receive_time"])
            if row is not None and fold is not None and "workloads_ms" in line:
                found.append(_hops(line, fold, row["receive_time"], row["taken"]))
        return found


def _hops(
    ready: Mapping[str, Any], fold: Mapping[str, Any], received: datetime, taken: datetime
) -> dict[str, float]:
    committed = fold["waited_ms"] + fold["fetched_ms"] + fold["committed_ms"]
    delivered = (taken - received) / timedelta(milliseconds=1)
    steps = {
        "stored": fold["waited_ms"],
        "fetched": fold["fetched_ms"],
        "folded": fold["committed_ms"],
        "delivered": delivered - committed,
        "ordered": ready["received_to_ordered_ms"] - delivered,
        "begun": ready["ordered_to_begun_ms"],
    }
    before = 0.0
    for name in ("claimed", "fenced", "isolated", "workloads", "settled"):
        steps[name] = ready[f"{name}_ms"] - before
        before = ready[f"{name}_ms"]
    return steps
