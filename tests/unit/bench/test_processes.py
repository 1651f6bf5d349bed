"""Processor time and memory of real processes, children included."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.bench.machine import Machine, in_line, machine, shares
from tests.bench.processes import Meter, cpu_of, family_of, resident_of, spent

BUSY = """
import sys
print('begun', flush=True)
sys.stdin.read(1)
sum(range(10**7))
print('done', flush=True)
sys.stdin.read()
"""
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])"


@pytest.fixture
def parent() -> Iterator["subprocess.Popen[str]"]:
    """A process whose child works when it is told to."""
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.stdin.close()
    process.wait(10)
    process.stdout.close()


def test_what_a_child_uses_is_counted_with_its_parent(parent: "subprocess.Popen[str]") -> None:
    assert parent.stdin is not None
    assert parent.stdout is not None
    meter = Meter({"both": parent.pid})
    before, alone = meter.read(), cpu_of(parent.pid)
    parent.stdin.write("x")
    parent.stdin.flush()
    parent.stdout.readline()
    used = spent(before, meter.read())["both"]
    assert len(family_of(parent.pid)) == 2
    assert used > 0.02
    assert cpu_of(parent.pid) - alone < used


def test_memory_of_a_process_is_told_and_one_that_is_gone_has_none(
    parent: "subprocess.Popen[str]",
) -> None:
    assert resident_of(parent.pid) > 1 << 20
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(10)
    assert (resident_of(gone.pid), cpu_of(gone.pid)) == (0, 0)


def test_the_machine_is_shared_out_whole_and_who_stands_in_line_is_counted() -> None:
    before = Machine(idle=10.0, stolen=1.0, busy=20.0, in_line={1: 0.5, 2: 3.0})
    after = Machine(idle=15.0, stolen=2.0, busy=34.0, in_line={1: 1.5, 3: 0.25})
    found = shares(before, after, product=4.0)
    assert found == {"product": 20.0, "others": 50.0, "stolen": 5.0, "idle": 25.0}
    assert in_line(before, after) == 1.25


def test_the_machine_is_read_from_the_running_system(parent: "subprocess.Popen[str]") -> None:
    read = machine([parent.pid])
    assert set(read.in_line) == set(family_of(parent.pid))
    assert all(seconds >= 0 for seconds in read.in_line.values())
    assert read.busy > 0
