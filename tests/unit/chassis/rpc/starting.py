"""Starts a module as a process, and reads what it writes."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 15.0
"""Seconds: a process imports, migrates and listens in two or three, more where others work too."""


@dataclass
class Started:
    """A process and the lines it has written so far."""

    process: asyncio.subprocess.Process
    lines: list[dict[str, Any]] = field(default_factory=list)

    async def line(self, event: str) -> dict[str, Any]:
        """Wait for a log line with this event."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while True:
                raw = await self.process.stdout.readline()
                assert raw, f"ended without {event!r}: {self.lines}"
                self.lines.append(json.loads(raw))
                if self.lines[-1]["event"] == event:
                    return self.lines[-1]

    async def end(self) -> tuple[int, str]:
        """Wait for the end; return the exit code and what stderr said."""
        async with asyncio.timeout(PATIENCE):
            out, complaint = await self.process.communicate()
        self.lines += [json.loads(raw) for raw in out.splitlines() if raw.startswith(b"{")]
        assert self.process.returncode is not None
        return self.process.returncode, complaint.decode()

    @property
    def events(self) -> list[str]:
        """What the lines so far tell of."""
        return [str(line["event"]) for line in self.lines]


@asynccontextmanager
async def program(module: str, *arguments: str, **settings: str) -> AsyncIterator[Started]:
    """Run a module with these arguments and settings; kill it if the block leaves it running."""
    path = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {**path, "PYTHONPATH": os.pathsep.join(sys.path), **settings}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Started(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
