"""Shows a story as it happens: a live table on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table


class Screen:
    """Takes steps; each has the seconds since the demo began, and those since a webhook if any."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._console = Console()
        self._live: Live | None = None
        self._table = Table()
        self.failures: list[str] = []

    @contextmanager
    def chapter(self, title: str) -> Iterator[None]:
        """Show what happens in the block under a title."""
        self._table = Table(title=title, title_justify="left", expand=True)
        for column in ("at", "since webhook", "what"):
            self._table.add_column(column, justify="left" if column == "what" else "right")
        if not self._console.is_terminal:
            self._plain(f"== {title}")
            yield
            return
        with Live(self._table, console=self._console, refresh_per_second=12) as self._live:
            yield
        self._live = None

    def step(self, what: str, *, since_webhook: float | None = None) -> None:
        """Show one thing that happened; ``since_webhook`` in seconds."""
        at = f"{time.monotonic() - self._began:.1f} s"
        since = "" if since_webhook is None else f"{since_webhook * 1000:.0f} ms"
        if self._live is not None:
            self._table.add_row(at, since, what)
        else:
            self._plain(f"{at:>8}  {since:>9}  {what}")

    def check(self, holds: bool, what: str) -> None:
        """Show whether something that is promised holds; the demo fails if it does not."""
        if not holds:
            self.failures.append(what)
        self.step(f"{'✓' if holds else '✗ NOT TRUE:'} {what}")

    def summary(self, rows: list[tuple[str, str]]) -> None:
        """Show the end: what was seen, and what did not hold."""
        table = Table(title="Summary", title_justify="left", show_header=False)
        for name, value in rows:
            table.add_row(name, value)
        if self._console.is_terminal:
            self._console.print(table)
        else:
            self._plain("== Summary")
            for name, value in rows:
                self._plain(f"{name:<28}{value}")
        for failure in self.failures:
            self._plain(f"NOT TRUE: {failure}")
        self._plain(
            "The demo failed." if self.failures else "Every story ended as its document says."
        )

    def _plain(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
