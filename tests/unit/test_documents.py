"""What the documents claim is shown: the tests that they name are there, under these names."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_NAMED = re.compile(r"`(?:tests/)?([\w/]+\.py)(?:::(\w+))?`")
"""A file, by its path below ``tests`` or the root, and perhaps a test in it."""


def _claims(document: str) -> Iterator[tuple[str, str, str]]:
    for number, line in enumerate((ROOT / "docs" / document).read_text().splitlines(), 1):
        for path, test in _NAMED.findall(line):
            yield f"{document}:{number}", path, test


def _found(path: str) -> list[Path]:
    whole = [folder / path for folder in (ROOT / "tests", ROOT) if (folder / path).is_file()]
    # A row may name a second file of a folder by its name alone.
    return whole if "/" in path or whole else list((ROOT / "tests").rglob(path))


def _has(file: Path, test: str) -> bool:
    return not test or re.search(rf"def {test}\(", file.read_text()) is not None


@pytest.mark.parametrize("document", ["rules.md", "features.md"])
def test_every_file_and_test_that_a_document_names_is_there(document: str) -> None:
    missing = [
        f"{where} {path} {test}".rstrip()
        for where, path, test in _claims(document)
        if not any(_has(found, test) for found in _found(path))
    ]
    assert missing == []
