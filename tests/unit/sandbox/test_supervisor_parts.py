"""The supervisor's pure parts: order, backoff, ports, logs and its lock."""

import json
import random
import socket
from pathlib import Path

import pytest

from deploy.sandbox.supervisor.backoff import Backoff
from deploy.sandbox.supervisor.child import rotate
from deploy.sandbox.supervisor.errors import AlreadyRunning, InvalidSpec, PortTaken
from deploy.sandbox.supervisor.files import write_atomic
from deploy.sandbox.supervisor.lock import HomeLock
from deploy.sandbox.supervisor.ports import PortBook, free_port, is_free
from deploy.sandbox.supervisor.spec import Order, ProcessSpec, RestartPolicy


async def _never() -> bool:
    return False


def spec(name: str, *depends_on: str) -> ProcessSpec:
    return ProcessSpec(name, ("true",), {}, _never, depends_on)


def test_stop_levels_put_dependents_first() -> None:
    order = Order()
    order.add(
        [
            spec("gateway", "pricing", "idp"),
            spec("pricing", "database"),
            spec("database"),
            spec("idp"),
        ]
    )
    assert order.stop_levels() == [["gateway"], ["pricing"], ["database", "idp"]]


def test_a_later_group_may_depend_on_an_earlier_one() -> None:
    order = Order()
    order.add([spec("database")])
    order.add([spec("pricing", "database")])
    assert order.stop_levels() == [["pricing"], ["database"]]


@pytest.mark.parametrize(
    ("specs", "sentence"),
    [
        ([spec("a", "b"), spec("b", "a")], "wait for each other"),
        ([spec("a", "nobody")], "a depends on nobody, which is not there"),
        ([spec("a"), spec("a")], "two processes called a"),
    ],
)
def test_specs_without_an_order_are_refused_as_a_whole(
    specs: list[ProcessSpec], sentence: str
) -> None:
    order = Order()
    with pytest.raises(InvalidSpec, match=sentence):
        order.add(specs)
    assert order.depends_on == {}


def test_the_wait_doubles_up_to_the_ceiling() -> None:
    backoff = Backoff(RestartPolicy(first=1, ceiling=5, jitter=0), random.Random(1))
    assert [backoff.after(0) for _ in range(5)] == [1, 2, 4, 5, 5]


def test_the_wait_starts_anew_after_a_healthy_while() -> None:
    backoff = Backoff(RestartPolicy(first=1, jitter=0, healthy_after=10), random.Random(1))
    waits = [backoff.after(0), backoff.after(9.9), backoff.after(10), backoff.after(0)]
    assert waits == [1, 2, 1, 2]


def test_jitter_only_lengthens_the_wait_and_is_bounded() -> None:
    policy = RestartPolicy(first=1, ceiling=1, jitter=0.5)
    backoff = Backoff(policy, random.Random(7))
    waits = [backoff.after(0) for _ in range(100)]
    assert all(1 <= wait <= 1.5 for wait in waits)
    assert len(set(waits)) > 50


def test_a_wait_after_very_many_deaths_is_still_the_ceiling() -> None:
    backoff = Backoff(RestartPolicy(first=1, ceiling=5, jitter=0), random.Random(1))
    assert {backoff.after(0) for _ in range(2000)} == {1, 2, 4, 5}


def test_a_taken_port_is_said_in_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        book = PortBook(tmp_path / "ports.json")
        with pytest.raises(PortTaken) as refusal:
            book.assign("gateway", wanted=port, setting="TOLLGATE_PORT")
    assert str(refusal.value) == (
        f"Port {port} of the gateway is taken by another process; set TOLLGATE_PORT to a free one"
    )


def test_a_port_is_the_same_in_the_next_run(tmp_path: Path) -> None:
    first = PortBook(tmp_path / "ports.json").assign("pricing", setting="X")
    assert PortBook(tmp_path / "ports.json").assign("pricing", setting="X") == first


def test_a_remembered_port_that_is_taken_is_replaced(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        (tmp_path / "ports.json").write_text(json.dumps({"pricing": taken}))
        port = PortBook(tmp_path / "ports.json").assign("pricing", setting="X")
        assert port != taken
    assert json.loads((tmp_path / "ports.json").read_text()) == {"pricing": port}


def test_two_names_never_get_the_same_port(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "ports.json")
    wanted = free_port()
    assert book.assign("a", wanted=wanted, setting="A_PORT") == wanted
    with pytest.raises(PortTaken, match="of the b is taken"):
        book.assign("b", wanted=wanted, setting="B_PORT")


def test_a_damaged_port_file_only_costs_the_memory(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{not json")
    port = PortBook(tmp_path / "ports.json").assign("pricing", setting="X")
    assert is_free(port)


def test_a_second_stack_in_one_home_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with (
        HomeLock(tmp_path),
        pytest.raises(AlreadyRunning, match="A stack already runs in"),
        HomeLock(tmp_path),
    ):
        pytest.fail("two locks were held")
    with HomeLock(tmp_path):
        assert (tmp_path / "lock").read_text().strip().isdigit()


def test_a_file_is_replaced_whole_and_keeps_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "secret"
    write_atomic(target, b"one")
    write_atomic(target, b"two")
    assert target.read_bytes() == b"two"
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_only_a_log_that_has_grown_is_rotated_and_three_old_ones_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("short")
    rotate(log)
    assert log.exists()
    for round_ in range(5):
        log.write_bytes(str(round_).encode() * (5 * 1024 * 1024))
        rotate(log)
        assert not log.exists()
    kept = sorted(tmp_path.iterdir())
    assert [file.name for file in kept] == ["a.log.1", "a.log.2", "a.log.3"]
    assert [file.read_bytes()[:1] for file in kept] == [b"4", b"3", b"2"]
