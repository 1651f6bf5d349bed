"""Programs of a bench that are no part of the product: started, asked where they are, stopped."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from deploy.sandbox.stack.parts import base_environment
from deploy.sandbox.stack.settings import ROOT

_START = 30.0
_STOP = 10.0


class ProgramFailed(Exception):  # noqa: N818 - reads as the sentence it carries
    """A program of the bench ended before it was ready; the text has the end of its log."""


@dataclass(frozen=True)
class Program:
    """A program that runs: its process, and the port that it told."""

    pid: int
    port: int


@asynccontextmanager
async def program(
    module: str, *arguments: str, log: Path, env: Mapping[str, str]
) -> AsyncIterator[Program]:
    """Run a Python module until the block ends; a line of JSON of it says its port."""
    argv = [sys.executable, "-m", module, *arguments]
    async with started(argv, log=log, env={**base_environment(), **env}) as found:
        yield found


@asynccontextmanager
async def started(
    argv: Sequence[str], *, log: Path, env: Mapping[str, str], cwd: Path = ROOT
) -> AsyncIterator[Program]:
    """Run any program that tells its port so, in a process group of its own."""
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        yield Program(process.pid, await _port(process, log))
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(_STOP):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _port(process: asyncio.subprocess.Process, log: Path) -> int:
    try:
        async with asyncio.timeout(_START):
            while process.returncode is None:
                port = _told(log)
                if port is not None:
                    return port
                await asyncio.sleep(0.02)
    except TimeoutError:
        # What it wrote so far says why.
        pass
    raise ProgramFailed(f"A program of the bench did not start:\n{_ending(log)}")


def _ending(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-10:])


def _told(log: Path) -> int | None:
    for line in log.read_bytes().splitlines():
        if line.startswith(b'{"port":'):
            return int(orjson.loads(line)["port"])
    return None
