"""A small process for the tests of ``process``, told by its environment how to behave."""

import asyncio
from dataclasses import dataclass

from services.chassis.config import Env, StartError
from services.chassis.process import Process, main


@dataclass(frozen=True, slots=True)
class Config:
    """What it does: serve, fail in a loop, refuse to start, or leave work behind."""

    mode: str
    target: str


def read_config(env: Env) -> Config:
    """Read its settings."""
    modes = ("serve", "loop", "refuse", "work", "forever")
    return Config(
        mode=env.choice("PROGRAM_MODE", modes, default="serve", doc="what to do"),
        target=env.address("PROGRAM_TARGET", doc="required, to have something to miss"),
    )


async def run(config: Config, process: Process) -> None:
    """Do what the mode says, until stopped."""
    process.resources.callback(process.log.info, "resources closed")
    if config.mode == "refuse":
        raise StartError("the database at 127.0.0.1:1 cannot be reached")
    if config.mode == "loop":
        process.task_group.create_task(_fail())
    else:
        process.task_group.create_task(_endless(process))
    process.health.declare("program")
    process.health.mark_all(True)
    process.log.info("serving", password="hunter2")
    await process.stopping.wait()
    if config.mode == "work":
        process.work.create_task(_finite(process))
    if config.mode == "forever":
        process.work.create_task(asyncio.Event().wait())


async def _fail() -> None:
    raise RuntimeError("the loop broke")


async def _endless(process: Process) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        process.log.info("loop cancelled")


async def _finite(process: Process) -> None:
    for _ in range(10):
        await asyncio.sleep(0)
    process.log.info("work finished")


if __name__ == "__main__":
    main("program", read_config, run)
