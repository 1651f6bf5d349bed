"""What a debit costs: through the RPC, inside the service, and as one bare statement."""

import asyncio
import os
import secrets
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol

from tests.bench.credits import product, statement
from tests.bench.credits.statement import Statement
from tests.bench.figures import Floor, median_ratio
from tests.bench.processes import Meter, spent
from tests.bench.report import Report
from tests.bench.runner import Options
from tests.bench.stack import bench_stack, scratch

SPREAD = 1000
_CONNECTIONS = 10  # as the service has
_AT_ONCE = 16
_REASON = (
    "Beside the statement: the key's answer, the grants that it is taken from (rule 18), the "
    "balance, and a transaction around them; six round trips in place of one."
)


class Debits(Protocol):
    """One way to debit."""

    async def debit(self, account: str, key: str) -> bool:
        """Spend one credit of an account under a key; whether it was there."""
        ...


@dataclass
class Side:
    """A way to debit, the processes behind it, and what its rounds have shown."""

    name: str
    debits: Debits
    meter: Meter
    rate: list[float] = field(default_factory=list)
    cpu: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    async def round(self, accounts: Sequence[str], size: int, *, keep: bool) -> None:
        """Debit so often, over these accounts in turn."""
        run, left = secrets.token_hex(4), iter(range(size))

        async def caller() -> None:
            for number in left:
                account = accounts[number % len(accounts)]
                assert await self.debits.debit(account, f"{run}{number}"), "credits were there"

        before, began = self.meter.read(), time.perf_counter()
        async with asyncio.TaskGroup() as callers:
            for _ in range(_AT_ONCE):
                callers.create_task(caller())
        seconds = time.perf_counter() - began
        if keep:
            self.rate.append(size / seconds)
            for name, used in spent(before, self.meter.read()).items():
                self.cpu[name].append(used / size * 1e6)

    @property
    def total(self) -> list[float]:
        """Microseconds of all processes, round by round."""
        return [sum(parts) for parts in zip(*self.cpu.values(), strict=True)]

    def tell(self, report: Report, where: str) -> None:
        """Add the rows."""
        parts: Mapping[str, float] = {name: median(found) for name, found in self.cpu.items()}
        what = f"{self.name}, {where}"
        report.add(what, "debits/s; us of processor time a debit", rate=median(self.rate), **parts)


async def run(options: Options) -> Report:
    """Measure on one account, and on a thousand."""
    report = Report("credits", {"debits": options.size, "rounds": options.rounds})
    with scratch() as folder:
        async with bench_stack(folder) as stack, AsyncExitStack() as opened:
            database = await opened.enter_async_context(stack.database())
            pool = await opened.enter_async_context(product.service_pool(stack, _CONNECTIONS))
            channel = await opened.enter_async_context(stack.channel("subscription"))
            accounts = await product.accounts(channel, SPREAD)
            await pool.execute(statement.TABLES)
            await pool.execute(statement.FILL, accounts, product.CREDITS)
            spender = await opened.enter_async_context(stack.channel("subscription", "provisioner"))
            pids = stack.stack.supervisor.pids()
            postgres = {"postgres": pids["postgres"]}
            own = Meter({"caller": os.getpid()} | postgres)
            for where, chosen in (("one account", accounts[:1]), ("1,000 accounts", accounts)):
                sides = [
                    Side("bare statement", Statement(pool), own),
                    Side("inside", product.Usecase(product.transactions(pool)), own),
                    Side(
                        "rpc",
                        product.Rpc(spender),
                        Meter({"subscription": pids["subscription"]} | postgres),
                    ),
                ]
                await _measure(report, options, sides, where, chosen)
            wrong = await database.fetchval(_WRONG)
            assert wrong == 0, f"{wrong} pools do not hold what their entries say"
    return report


_WRONG = """
SELECT count(*) FROM subscription.credit_pools p WHERE posted <> (
    SELECT coalesce(sum(remaining), 0) FROM subscription.credit_grants g
    WHERE g.account = p.account AND g.pool = p.pool)"""


async def _measure(
    report: Report, options: Options, sides: Sequence[Side], where: str, accounts: Sequence[str]
) -> None:
    for side in sides:
        await side.round(accounts, options.size // 5, keep=False)
    for number in range(options.rounds):
        for side in sides if number % 2 else reversed(sides):
            await side.round(accounts, options.size, keep=True)
        told = ", ".join(f"{side.name} {side.rate[-1]:.0f}/s" for side in sides)
        options.say(f"credits, {where}, round {number + 1}: {told}")
    for side in sides:
        side.tell(report, where)
    bare, inside, rpc = sides
    for side, most in ((inside, 5.0), (rpc, 7.0)):
        floor = Floor(f"{side.name} to bare statement, {where}", _REASON, at_most=most)
        report.check(floor, median_ratio(side.total, bare.total))
