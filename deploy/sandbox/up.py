"""`make up`: the embedded stack until Ctrl-C, told in plain lines."""

import signal
import sys
import time

from deploy.sandbox.stack.settings import StackSettings
from deploy.sandbox.stack.stack import running_stack
from deploy.sandbox.supervisor.spec import Event, State
from deploy.sandbox.supervisor.supervisor import Supervisor


class Teller:
    """Writes a line for each change that a person wants to know of."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def event(self, event: Event) -> None:
        """Tell what became of a process."""
        if event.state in (State.READY, State.BACKING_OFF, State.FAILED):
            self.line(f"{event.name} is {event.state.value} {event.detail}".rstrip())

    def line(self, text: str) -> None:
        """Write one line with the seconds since the start."""
        sys.stdout.write(f"{time.monotonic() - self._began:6.1f} s  {text}\n")
        sys.stdout.flush()


async def up(settings: StackSettings) -> None:
    """Run the stack until SIGINT or SIGTERM."""
    teller = Teller()

    def hang_signals(supervisor: Supervisor) -> None:
        supervisor.stop_on_signals((signal.SIGINT, signal.SIGTERM))

    async with running_stack(settings, teller.event, hang_signals) as stack:
        teller.line(f"gateway on {stack.endpoints['gateway']}")
        teller.line(f"every address and token: {stack.layout.home / 'endpoints.json'}")
        teller.line("Ctrl-C stops everything; the data stays until `make clean`")
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await stack.supervisor.until_stop_requested()
        teller.line("stopping")
