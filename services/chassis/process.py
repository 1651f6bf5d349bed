"""What every process does around its own work: settings, logs, signals, tasks, exit codes."""

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

import structlog
import uvloop

from services.chassis.clock import Clock, SystemClock
from services.chassis.config import (
    ConfigError,
    Env,
    ProcessConfig,
    StartError,
    environment,
    read_process,
)
from services.chassis.health import Health
from services.chassis.ids import Ids, RandomIds
from services.chassis.metrics import Metrics
from services.chassis.probes import Probes
from services.chassis.telemetry import (
    Tracing,
    configure_logging,
    configure_tracing,
    service_resource,
)

C = TypeVar("C")
Log = structlog.typing.FilteringBoundLogger

EXIT_FAILED = 1
EXIT_USAGE = 64
EXIT_CONFIG = 78


@dataclass(slots=True)
class Process:
    """What a composition root gets to build with.

    ``task_group`` owns loops that never end; they are cancelled when ``run`` returns, and one that
    fails ends the process. ``work`` owns tasks that end by themselves; they are waited for, as
    long as a drain may take. ``resources`` (pools, channels) are closed last.
    """

    name: str
    task_group: asyncio.TaskGroup
    work: asyncio.TaskGroup
    stopping: asyncio.Event
    resources: AsyncExitStack
    log: Log
    clock: Clock = field(default_factory=SystemClock)
    ids: Ids = field(default_factory=RandomIds)
    health: Health = field(default_factory=Health)
    metrics: Metrics = field(default_factory=Metrics)


Run = Callable[[C, Process], Awaitable[None]]


class _FinishedError(Exception):
    """Ends the loops of a process whose ``run`` has returned."""


def main(name: str, read_config: Callable[[Env], C], run: Run[C]) -> NoReturn:
    """Run a process until SIGTERM or SIGINT, then exit; see the module for the exit codes.

    ``--validate`` only judges the configuration, ``--help`` lists it. Exit 0 after a drain, 1 when
    something failed (the supervisor starts it again), 64 for unknown arguments, 78 for a wrong
    configuration.
    """
    sys.exit(start(name, sys.argv[1:], environment(), read_config, run))


def start(
    name: str, arguments: Sequence[str], env: Env, read_config: Callable[[Env], C], run: Run[C]
) -> int:
    """Do what ``main`` does and return the exit code."""
    if any(word in ("--help", "-h") for word in arguments):
        return _help(name, read_config)
    if set(arguments) - {"--validate"}:
        _complain(f"{name} knows --validate and --help, and nothing else.")
        return EXIT_USAGE
    try:
        common = read_process(env)
        config = read_config(env)
        env.finish()
    except ConfigError as error:
        _complain(str(error))
        return EXIT_CONFIG
    if arguments:
        sys.stdout.write("configuration is valid\n")
        return 0
    return _launch(name, common, config, run)


def _launch(name: str, common: ProcessConfig, config: C, run: Run[C]) -> int:
    configure_logging(name, common.log_level)
    tracing = configure_tracing(name, common.otlp_endpoint, common.trace_ratio)
    # What was imported stays for good: the collector need not look at it again.
    gc.freeze()
    # Nearly all that a request makes goes by itself: rarely is there anything to find.
    gc.set_threshold(20_000, 20, 50)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_guard(name, common, config, run, tracing))


async def _guard(name: str, common: ProcessConfig, config: C, run: Run[C], tracing: Tracing) -> int:
    log: Log = structlog.get_logger(name)
    try:
        await _supervise(name, common, config, run, log)
    except Exception as error:  # noqa: BLE001 - the process ends, and says of what
        return _report(error, log)
    finally:
        await asyncio.to_thread(tracing.shutdown)
    log.info("process ended")
    return 0


async def _supervise(name: str, common: ProcessConfig, config: C, run: Run[C], log: Log) -> None:
    stopping = asyncio.Event()
    _stop_on_signals(stopping, log)
    async with AsyncExitStack() as resources:
        try:
            async with asyncio.TaskGroup() as loops:
                async with _bounded_work(common.drain_seconds, stopping, log) as work:
                    process = Process(name, loops, work, stopping, resources, log)
                    _push_metrics(process, common)
                    await _answer_probes(process, common.metrics_address)
                    await run(config, process)
                # Raising is how a TaskGroup is told to cancel tasks that never end.
                raise _FinishedError
        except* _FinishedError:
            log.info("loops stopped")


@asynccontextmanager
async def _bounded_work(
    seconds: float, stopping: asyncio.Event, log: Log
) -> AsyncIterator[asyncio.TaskGroup]:
    limit = asyncio.timeout(None)
    try:
        async with limit, asyncio.TaskGroup() as work:
            yield work
            stopping.set()
            limit.reschedule(asyncio.get_running_loop().time() + seconds)
    except TimeoutError:
        if not limit.expired():
            raise
        log.warning("work cut off", seconds=seconds)


def _push_metrics(process: Process, common: ProcessConfig) -> None:
    if not common.otlp_endpoint:
        return
    # Imported here because it costs a second gRPC stack that most processes do not use.
    from services.chassis.otlp import metrics_push

    resource = service_resource(process.name)
    push = metrics_push(process.metrics, resource, common.otlp_endpoint, process.clock)
    process.resources.push_async_callback(push.close)
    process.task_group.create_task(push.run(common.push_seconds))


async def _answer_probes(process: Process, address: str) -> None:
    if not address:
        return
    probes = Probes(address, process.metrics, lambda: process.health.ready)
    await probes.start()
    process.resources.push_async_callback(probes.close)
    process.log.info("probes listen", port=probes.port)


def _stop_on_signals(stopping: asyncio.Event, log: Log) -> None:
    loop = asyncio.get_running_loop()

    def stop(name: str) -> None:
        log.info("stopping", signal=name)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number.name)


def _report(error: BaseException, log: Log) -> int:
    for leaf in _leaves(error):
        if isinstance(leaf, StartError):
            _complain(str(leaf))
            log.error("process cannot start", problem=str(leaf))
        else:
            log.error("process failed", problem=type(leaf).__name__, exc_info=leaf)
    return EXIT_FAILED


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]


def _help(name: str, read_config: Callable[[Env], C]) -> int:
    env = Env({})
    with suppress(ConfigError):
        # Asked only to hear which variables there are; that they are missing is known.
        read_process(env)
        read_config(env)
    text = f"{name} [--validate]\n\nIts settings are environment variables:\n{env.describe()}\n"
    sys.stdout.write(text)
    return 0


def _complain(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
