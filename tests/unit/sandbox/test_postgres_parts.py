"""What can be said about the embedded PostgreSQL without starting it."""

import os
from pathlib import Path

import pytest

from deploy.sandbox.postgres.binaries import BinariesNotFound, find_binaries
from deploy.sandbox.postgres.identity import may_reach
from deploy.sandbox.postgres.lockfile import Postmaster, clear_stale_lock, is_ready, read_lock
from deploy.sandbox.postgres.roles import ensure_services, with_database, with_user


def _program(folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)


def test_a_named_folder_with_both_programs_is_taken(tmp_path: Path) -> None:
    for name in ("postgres", "initdb"):
        _program(tmp_path / "bin", name)
    assert find_binaries(str(tmp_path / "bin")).postgres == tmp_path / "bin" / "postgres"


def test_a_named_folder_without_initdb_is_refused_instead_of_passed_over(tmp_path: Path) -> None:
    _program(tmp_path / "bin", "postgres")
    with pytest.raises(BinariesNotFound, match=r"PGBIN is .* not in there"):
        find_binaries(str(tmp_path / "bin"))


def test_without_a_name_the_binaries_of_the_wheel_are_found() -> None:
    found = find_binaries()
    assert found.usable()
    assert "pginstall" in found.folder.parts


def test_a_folder_closed_to_others_is_reached_by_its_owner_only(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    me = os.geteuid()
    assert may_reach(closed / "data", me, os.getegid())
    assert not may_reach(closed / "data", me + 1, os.getegid() + 1)


def _write_lock(data: Path, pid: int, status: str) -> None:
    lines = [str(pid), str(data), "1", "5432", "", "127.0.0.1", "0 0", status]
    (data / "postmaster.pid").write_text("\n".join(lines) + "\n")


def test_the_lock_file_says_who_serves_and_whether_it_is_ready(tmp_path: Path) -> None:
    assert read_lock(tmp_path) is None
    _write_lock(tmp_path, 4711, "starting")
    assert read_lock(tmp_path) == Postmaster(4711, "starting")
    _write_lock(tmp_path, 4711, "ready   ")
    assert read_lock(tmp_path) == Postmaster(4711, "ready")


def test_a_half_written_lock_file_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text("")
    assert read_lock(tmp_path) is None


def test_ready_means_the_process_that_was_asked_about_and_that_it_lives(tmp_path: Path) -> None:
    _write_lock(tmp_path, os.getpid(), "ready   ")
    assert is_ready(tmp_path)
    assert is_ready(tmp_path, os.getpid())
    assert not is_ready(tmp_path, os.getpid() + 1)


def test_a_lock_whose_process_id_now_belongs_to_another_program_is_cleared(tmp_path: Path) -> None:
    _write_lock(tmp_path, os.getpid(), "ready   ")
    clear_stale_lock(tmp_path)
    assert not (tmp_path / "postmaster.pid").exists()


def test_a_dsn_keeps_server_and_options_for_another_user() -> None:
    dsn = "postgresql://admin:s%40crt@db.example:6432/postgres?sslmode=require"
    assert with_database(dsn, "tollgate") == (
        "postgresql://admin:s%40crt@db.example:6432/tollgate?sslmode=require"
    )
    assert with_user(dsn, "tollgate", "payments", "p@ss") == (
        "postgresql://payments:p%40ss@db.example:6432/tollgate?sslmode=require"
    )


@pytest.mark.parametrize("name", ["Payments", "a b", 'x"; DROP DATABASE y', "", "1st"])
async def test_a_name_that_would_need_quoting_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot name"):
        await ensure_services("postgresql://x", "db", [name], passwords=tmp_path / "roles.json")
    assert not (tmp_path / "roles.json").exists()
