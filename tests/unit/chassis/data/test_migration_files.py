"""Migration files are read in order, and a folder that cannot be ordered is refused."""

from pathlib import Path

import pytest

from services.chassis.migrate import CHASSIS_MIGRATIONS, MigrationError, read_folder


def _folder(tmp_path: Path, *names: str) -> Path:
    folder = tmp_path / "payments" / "migrations"
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text(f"-- {name}")
    return folder


def test_files_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "0010_more.sql", "0002_next.sql", "0001_init.sql")
    versions = [migration.version for migration in read_folder(folder)]
    assert versions == [
        "payments/0001_init.sql",
        "payments/0002_next.sql",
        "payments/0010_more.sql",
    ]


@pytest.mark.parametrize("name", ["1_init.sql", "0001-init.sql", "init.sql", "0001_Init.sql"])
def test_a_file_without_a_proper_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MigrationError, match=r"NNNN_name\.sql"):
        read_folder(_folder(tmp_path, name))


def test_two_files_with_one_number_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="same number"):
        read_folder(_folder(tmp_path, "0001_a.sql", "0001_b.sql"))


def test_the_chassis_brings_its_own() -> None:
    assert [migration.folder for migration in read_folder(CHASSIS_MIGRATIONS)] == ["chassis"] * 7
