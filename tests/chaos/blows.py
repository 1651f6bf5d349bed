"""Carries out the strikes of a plan on a running stack."""

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from deploy.sandbox.postgres.lockfile import processes_in
from deploy.sandbox.stack.kubeapi import KubeApi, KubeApiError
from tests.chaos.plan import Blow, Plan, Strike

_HOOK = "/sandbox/faults"
_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_PATIENCE = 20.0
_PAUSE = 0.05


class Striker:
    """Strikes at the times of the plan; `log` and `counts` tell what was done."""

    def __init__(
        self, home: Path, cluster: KubeApi, http: aiohttp.ClientSession, stripe: str
    ) -> None:
        self._home = home
        self._cluster = cluster
        self._http = http
        self._stripe = stripe
        self.log: list[str] = []
        self.counts: Counter[str] = Counter()
        self.expected_deaths: Counter[str] = Counter()

    async def carry_out(self, plan: Plan, began: float) -> None:
        """Do every strike at its time; one that takes longer delays no other."""
        async with asyncio.TaskGroup() as strikes:
            for strike in plan.strikes:
                await asyncio.sleep(max(0.0, began + strike.at - time.monotonic()))
                strikes.create_task(self._strike(strike, began))

    async def _strike(self, strike: Strike, began: float) -> None:
        done = await self._way_of(strike)(strike)
        told = str(strike) if done else f"{strike}: nothing to strike"
        self.log.append(f"{time.monotonic() - began:7.2f} s  {told}")

    def _way_of(self, strike: Strike) -> Callable[[Strike], Awaitable[bool]]:
        return {
            Blow.KILL: self._kill,
            Blow.RESTART: self._restart,
            Blow.PAUSE: self._pause,
            Blow.CLUSTER_FAULT: self._cluster_fault,
            Blow.DROP_WATCHES: self._drop_watches,
            Blow.PROVIDER_FAULT: self._provider_fault,
        }[strike.blow]

    async def _kill(self, strike: Strike) -> bool:
        if strike.target == "kubernetes":
            await self.count_cluster_faults()
        pid = await self._pid(strike.target)
        self.expected_deaths[strike.target] += 1
        os.kill(pid, signal.SIGKILL)
        self.counts[f"kill {strike.target}"] += 1
        return True

    async def _restart(self, strike: Strike) -> bool:
        mode = str(strike.details["mode"])
        pid = await self._pid(strike.target)
        self.expected_deaths[strike.target] += 1
        os.kill(pid, _SIGNALS[mode])
        self.counts[f"restart {strike.target} {mode}"] += 1
        return True

    async def _pause(self, strike: Strike) -> bool:
        await self._pid(strike.target)
        stopped = processes_in(self._home / "postgres" / "data")
        try:
            _signal_all(stopped, signal.SIGSTOP)
            await asyncio.sleep(strike.seconds)
        finally:
            _signal_all(stopped, signal.SIGCONT)
        self.counts[f"pause {strike.target}"] += 1
        return True

    async def _pid(self, name: str) -> int:
        """Return the id of a process, waited for if it is just being started again."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
                    pid = int((self._home / "run" / f"{name}.pid").read_text())
                    os.kill(pid, 0)
                    return pid
                await asyncio.sleep(_PAUSE)

    async def _cluster_fault(self, strike: Strike) -> bool:
        return await self._hook(dict(strike.details)) is not None

    async def _drop_watches(self, strike: Strike) -> bool:
        answer = await self._hook({"dropWatches": True})
        self.counts["watches dropped"] += (answer or {}).get("dropped", 0)
        return answer is not None

    async def _hook(self, body: dict[str, object]) -> dict[str, int] | None:
        """Post to the cluster's fault hook; None while the cluster is away."""
        try:
            answer: dict[str, int] = await self._cluster.call("POST", _HOOK, body)
        except KubeApiError:
            return None
        return answer

    async def count_cluster_faults(self) -> None:
        """Add up the faults that struck since the cluster started: they are gone with it."""
        try:
            told = await self._cluster.call("GET", _HOOK)
        except KubeApiError:
            return
        for status, number in told["struck"].items():
            self.counts[f"cluster answered {status}"] += number

    async def _provider_fault(self, strike: Strike) -> bool:
        async with self._http.post(f"{self._stripe}{_HOOK}", json=dict(strike.details)) as answer:
            answer.raise_for_status()
        named = f"{strike.details['status']}{' applied' if strike.details.get('applied') else ''}"
        self.counts[f"provider armed with {named}"] += int(str(strike.details["count"]))
        return True

    async def calm(self) -> None:
        """Take every fault back."""
        await self.count_cluster_faults()
        async with self._http.delete(f"{self._stripe}{_HOOK}") as answer:
            answer.raise_for_status()
        async with asyncio.timeout(_PATIENCE):
            # Nobody tells when the cluster is back.
            while await self._hook({"clear": True}) is None:  # noqa: ASYNC110
                await asyncio.sleep(_PAUSE)


def _signal_all(pids: set[int], number: signal.Signals) -> None:
    for pid in sorted(pids):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
