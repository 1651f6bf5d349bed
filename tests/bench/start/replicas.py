"""One more replica of each service beside the stack's own: how long until it is ready."""

import asyncio
import subprocess
import sys
import time
from dataclasses import dataclass

import aiohttp
import orjson

from deploy.sandbox.postgres.roles import ensure_services
from deploy.sandbox.stack.parts import base_environment
from deploy.sandbox.stack.services import service_specs
from deploy.sandbox.stack.settings import ROOT, SERVICES
from deploy.sandbox.supervisor.ports import free_port
from deploy.sandbox.supervisor.spec import ProcessSpec
from tests.bench.processes import cpu_of
from tests.bench.stack import BenchStack

_PATIENCE = 60.0
_LISTENERS = ("TOLLGATE_PUBLIC_ADDRESS", "TOLLGATE_INTERNAL_ADDRESS", "TOLLGATE_HTTP_ADDRESS")
_METRICS = "TOLLGATE_METRICS_ADDRESS"
_IMPORT = "import time, json; import {modules}; print(json.dumps(time.process_time()))"
_ALSO = {
    "services.payments": (
        "services.payments.providers.stripe.provider",
        "services.payments.providers.stripe.commerce",
    )
}
"""What a service's settings have it load besides: the provider that is on."""


@dataclass(frozen=True)
class Begun:
    """What it took until something was there: seconds by the clock, and of processor time."""

    seconds: float
    cpu: float


async def specs_of(stack: BenchStack) -> dict[str, ProcessSpec]:
    """Return how the stack starts its services."""
    layout = stack.stack.layout
    databases = await ensure_services(
        str(stack.endpoints["postgres"]["dsn"]),
        "tollgate",
        SERVICES,
        passwords=layout.home / "database-roles.json",
    )
    return {spec.name: spec for spec in service_specs(layout, databases, [])}


async def start(spec: ProcessSpec) -> Begun:
    """Start one more replica, wait until it is ready, and stop it."""
    metrics = free_port()
    env = {**spec.env, _METRICS: f"127.0.0.1:{metrics}"}
    env |= dict.fromkeys((name for name in _LISTENERS if name in env), "127.0.0.1:0")
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *spec.argv,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await _until_ready(process, f"http://127.0.0.1:{metrics}/readyz")
        return Begun(time.perf_counter() - began, cpu_of(process.pid))
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def imported(spec: ProcessSpec) -> Begun:
    """Start Python and import the modules of a service, and nothing else."""
    module = spec.argv[-1]
    modules = ", ".join((f"{module}.__main__", *_ALSO.get(module, ())))
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _IMPORT.format(modules=modules),
        cwd=ROOT,
        env=base_environment(),
        stdout=subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return Begun(time.perf_counter() - began, float(orjson.loads(out)))


async def _until_ready(process: asyncio.subprocess.Process, url: str) -> None:
    timeout = aiohttp.ClientTimeout(total=1.0)
    async with asyncio.timeout(_PATIENCE), aiohttp.ClientSession(timeout=timeout) as http:
        while process.returncode is None:
            if await _answers(http, url):
                return
            await asyncio.sleep(0.01)
    raise RuntimeError(f"a replica ended with {process.returncode} before it was ready")


async def _answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
