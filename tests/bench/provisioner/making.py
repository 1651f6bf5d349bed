"""Tenants made by the provisioner beside the same objects made barely, and by kubectl."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import orjson

from services.provisioner.domain import JsonObject
from tests.bench.errors import BenchUnavailable
from tests.bench.figures import Floor, median_ratio, percentile
from tests.bench.provisioner import bare
from tests.bench.provisioner.bare import Runs
from tests.bench.provisioner.service import Service
from tests.bench.provisioner.tenants import Tenants
from tests.bench.report import Report
from tests.bench.runner import Options

_REASON = (
    "The API server is what a tenant waits for: storing orders, fencing, reading back and telling"
    " may cost a fifth of that."
)
_REASON_KUBECTL = "Whoever could do it faster by hand would."
_MILLI = 1000.0

Side = Callable[[], Awaitable[Runs]]


@dataclass(frozen=True)
class Making:
    """What the sides are made of; ``kubectl`` None: it was not built."""

    service: Service
    tenants: Tenants
    kubectl: Path | None
    kubeconfig: Path
    folder: Path

    async def measure(self, report: Report, options: Options, concurrency: int) -> None:
        """Run all sides in turn, round by round, the first one another each time; report."""
        sides = self._sides(options.size, concurrency)
        found: dict[str, list[Runs]] = {name: [] for name in sides}
        for number in range(options.rounds):
            names = list(sides)
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                found[name].append(await sides[name]())
            rates = ", ".join(f"{name} {runs[-1].rate:.1f}/s" for name, runs in found.items())
            options.say(f"concurrency {concurrency}, round {number + 1}: {rates}")
        _report(report, found, concurrency)

    async def warm_up(self, size: int, concurrency: int) -> None:
        """Open the connections and load the code of every side once."""
        for side in self._sides(min(size, 2 * concurrency), concurrency).values():
            await side()

    def _sides(self, size: int, concurrency: int) -> dict[str, Side]:
        cluster, tenants = self.service.cluster, self.tenants

        async def provisioner() -> Runs:
            return await self.service.provision(tenants.orders(size), concurrency)

        async def at_once() -> Runs:
            made = tenants.manifests(size)
            return await bare.at_once(made, concurrency, lambda one: bare.make(cluster, one))

        async def in_turn() -> Runs:
            made = tenants.manifests(size)
            return await bare.at_once(
                made, concurrency, lambda one: bare.make_in_turn(cluster, one)
            )

        async def by_kubectl() -> Runs:
            return await self._apply(tenants.manifests(size), concurrency)

        sides: dict[str, Side] = {
            "provisioner": provisioner,
            "bare": at_once,
            "bare in turn": in_turn,
        }
        return sides if self.kubectl is None else {**sides, "kubectl": by_kubectl}

    async def _apply(self, made: Sequence[list[JsonObject]], concurrency: int) -> Runs:
        files = []
        for number in range(min(concurrency, len(made))):
            items = [wanted for one in made[number::concurrency] for wanted in one]
            files.append(self.folder / f"kubectl-{number}.json")
            files[-1].write_bytes(
                orjson.dumps({"apiVersion": "v1", "kind": "List", "items": items})
            )
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for file in files:
                group.create_task(self._kubectl(file))
        seconds = time.perf_counter() - began
        return Runs([seconds / len(made)] * len(made), seconds)

    async def _kubectl(self, file: Path) -> None:
        process = await asyncio.create_subprocess_exec(
            *(str(self.kubectl), f"--kubeconfig={self.kubeconfig}", "apply", "--server-side"),
            *("--field-manager=tollgate-bench", f"--cache-dir={self.folder / 'kube'}"),
            *("-f", str(file)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await process.communicate()
        if process.returncode != 0:
            raise BenchUnavailable(f"kubectl apply failed: {said.decode().strip()[-500:]}")


def _report(report: Report, found: dict[str, list[Runs]], concurrency: int) -> None:
    rates = {name: [run.rate for run in runs] for name, runs in found.items()}
    told: dict[str, str] = {}
    for name, runs in found.items():
        report.add(f"{name}, {concurrency} at once", "tenants/s", median=median(rates[name]))
        if name == "kubectl":
            continue
        each = [seconds * _MILLI for run in runs for seconds in run.each]
        cpu = sum(run.cpu for run in runs) / len(each) * _MILLI
        report.add(
            f"{name}, {concurrency} at once, one tenant",
            "ms",
            p50=percentile(each, 0.5),
            p99=percentile(each, 0.99),
            cpu=cpu,
        )
        told[name] = f"{percentile(each, 0.5):.0f} ms ({cpu:.0f} of this process)"
    ours = rates["provisioner"]
    in_turn = median_ratio(ours, rates["bare in turn"])
    report.add(f"provisioner to bare in turn, {concurrency} at once", "ratio", median=in_turn)
    floor = Floor(f"provisioner to bare applies, {concurrency} at once", _REASON, at_least=0.8)
    rounds = sorted(mine / bare for mine, bare in zip(ours, rates["bare"], strict=True))
    because = (
        f"a tenant takes {told['provisioner']}, a bare one {told['bare']}: its fence is made in "
        f"turns, each a flush of the API server's store; to bare ones in turn it is {in_turn:.2f}; "
        f"single rounds gave {rounds[0]:.2f} to {rounds[-1]:.2f}"
    )
    report.check(floor, median_ratio(ours, rates["bare"]), because)
    if "kubectl" in rates:
        name = f"provisioner to kubectl apply --server-side, {concurrency} processes at once"
        floor = Floor(name, _REASON_KUBECTL, at_least=1.0)
        report.check(floor, median_ratio(ours, rates["kubectl"]))
