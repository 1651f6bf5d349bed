"""The embedded PostgreSQL: start, stop, crash, and folders that its user may not enter."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from deploy.sandbox.postgres.binaries import Binaries, find_binaries
from deploy.sandbox.postgres.lockfile import processes_in
from deploy.sandbox.postgres.server import PostgresServer, ServerFailed
from deploy.sandbox.supervisor.ports import is_free
from tests.integration.sandbox.waiting import runs

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its user")
# Which of them depends on how much of the server's last words the client has read by then.
LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


@pytest.fixture(autouse=True)
async def up_again(postgres: PostgresServer) -> AsyncIterator[None]:
    """The server is shared by all tests of a run: one that fails midway leaves it running."""
    yield
    await postgres.start()


async def test_a_killed_server_comes_back_with_every_acknowledged_row(
    postgres: PostgresServer,
) -> None:
    first, port = postgres.pid, postgres.port
    connection = await asyncpg.connect(postgres.superuser_dsn)
    await connection.execute("CREATE TABLE acknowledged (id int)")
    for number in range(50):
        await connection.execute("INSERT INTO acknowledged VALUES ($1)", number)
    await postgres.kill()
    with pytest.raises(LOST):
        await connection.execute("SELECT 1")
    connection.terminate()
    await postgres.start()
    assert postgres.pid != first
    assert postgres.port == port
    connection = await asyncpg.connect(postgres.superuser_dsn)
    assert await connection.fetchval("SELECT count(*) FROM acknowledged") == 50
    await connection.execute("DROP TABLE acknowledged")
    await connection.close()


def process_status(pid: int | None) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0]


def mode_of(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


@as_root
async def test_root_starts_it_as_an_unprivileged_user_who_keeps_one_capability_at_most(
    postgres: PostgresServer,
) -> None:
    fields = process_status(postgres.pid)
    assert "0" not in fields["Uid"].split()
    assert "0" not in fields["Gid"].split()
    for name in ("CapEff", "CapPrm", "CapAmb"):
        assert int(fields[name], 16).bit_count() <= 1


@pytest.fixture
def secluded(tmp_path: Path) -> Path:
    """A folder that only its owner may enter, with another such folder in it."""
    folder = tmp_path / "checkout" / "inner"
    folder.mkdir(parents=True)
    for each in (tmp_path, folder.parent, folder):
        each.chmod(0o700)
    return folder


@pytest.fixture
async def moved(secluded: Path) -> AsyncIterator[PostgresServer]:
    """A server whose binaries and data are both below closed folders."""
    installed = find_binaries().folder.parent.parent
    for folder in installed.parent.glob(f"{installed.name}*"):
        shutil.copytree(folder, secluded / "venv" / folder.name, symlinks=True)
    binaries = Binaries(secluded / "venv" / installed.name / "pginstall" / "bin")
    server = PostgresServer(secluded / "home", None, binaries, durable=False)
    yield server
    await server.stop()


async def test_binaries_and_data_below_a_folder_closed_to_others_work(
    moved: PostgresServer, secluded: Path
) -> None:
    await moved.start()
    pid = moved.pid
    assert pid is not None
    assert command_of(pid).startswith(str(secluded / "venv"))
    connection = await asyncpg.connect(moved.superuser_dsn)
    await connection.execute("CREATE TABLE t AS SELECT 1 AS one")
    # It is as it was for any other user: nothing was opened to let the server in.
    assert {mode_of(folder) for folder in (secluded, *secluded.parents[:2])} == {0o700}
    await connection.close()
    await moved.stop()
    assert not runs(pid)
    assert not processes_in(moved.home / "data")
    assert is_free(moved.port)


async def test_passwords_are_readable_by_their_owner_only_and_needed(
    postgres: PostgresServer,
) -> None:
    password = postgres.home / "password"
    assert password.stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in postgres.home.glob("*.new")) == []
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.superuser_dsn.replace(password.read_text(), "guess"))


async def test_commits_are_synchronous_and_passwords_are_scram(postgres: PostgresServer) -> None:
    connection = await asyncpg.connect(postgres.superuser_dsn)
    names = ("synchronous_commit", "password_encryption", "max_connections", "shared_buffers")
    shown = [await connection.fetchval(f"SHOW {name}") for name in names]
    locale = await connection.fetchval("SELECT datlocprovider FROM pg_database LIMIT 1")
    await connection.close()
    assert shown == ["on", "scram-sha-256", "200", "128MB"]
    assert locale == b"c"


async def test_a_second_server_on_the_same_data_is_refused_in_words(
    postgres: PostgresServer,
) -> None:
    second = PostgresServer(postgres.home, None, find_binaries(), durable=False)
    with pytest.raises(ServerFailed, match="already runs on"):
        await second.start()
    assert postgres.pid is not None


async def test_a_port_that_is_taken_is_told_with_the_servers_own_words(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    second = PostgresServer(tmp_path, postgres.port, find_binaries(), durable=False)
    try:
        with pytest.raises(ServerFailed, match="Address already in use"):
            await second.start()
    finally:
        await second.stop()
