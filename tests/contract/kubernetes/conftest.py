"""The `cluster` fixture: each test meets every implementation that can run here."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.kubernetes.cluster import Cluster, connected
from tests.contract.kubernetes.implementations import SANDBOX, implementations, running
from tests.contract.kubernetes.left_out import LEFT_OUT


@pytest.fixture(params=implementations())
async def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cluster]:
    """A running cluster, as its administrator sees it."""
    reason = LEFT_OUT.get(getattr(request.function, "__name__", ""))
    if reason and request.param == SANDBOX:
        pytest.skip(f"the sandbox leaves it out: {reason}")
    async with (
        running(request.param) as configuration,
        connected(configuration, tmp_path) as found,
    ):
        yield found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many cases each implementation passed, and how many the sandbox leaves out."""
    reports = terminalreporter.getreports("passed")
    ran = [report.nodeid for report in reports if report.when == "call"]
    counts = Counter(
        name
        for node in ran
        for name in implementations()
        if node.startswith("tests/contract/kubernetes/") and f"[{name}" in node
    )
    told = ", ".join(f"{counts[name]} cases on the {name} API" for name in implementations())
    if counts:
        terminalreporter.write_line(f"Kubernetes contract: {told}; {len(LEFT_OUT)} exceptions.")
