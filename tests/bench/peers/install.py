"""Installs the peer where it is pinned: exact versions, by npm, once."""

import shutil
import subprocess
from pathlib import Path

from tests.bench.errors import BenchUnavailable
from tests.cluster.settings import ROOT

PINNED = ("package.json", "package-lock.json")
_HERE = Path(__file__).parent
_FOLDER = ROOT / ".tollgate" / "bench" / "peers"
_SECONDS = 240


def installed() -> tuple[str, Path]:
    """Return node's path and the server's, with the peer beside it; BenchUnavailable if not here.

    Installed anew only when what is pinned has changed.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise BenchUnavailable("There is no node and npm here; the peer runs on Node.js 20.")
    _FOLDER.mkdir(parents=True, exist_ok=True)
    shutil.copy(_HERE / "server.cjs", _FOLDER)
    if not _stands():
        for name in PINNED:
            shutil.copy(_HERE / name, _FOLDER)
        _install(npm)
        (_FOLDER / "installed").write_bytes((_HERE / PINNED[1]).read_bytes())
    return node, _FOLDER / "server.cjs"


def _stands() -> bool:
    mark = _FOLDER / "installed"
    return mark.exists() and mark.read_bytes() == (_HERE / PINNED[1]).read_bytes()


def _install(npm: str) -> None:
    command = [npm, "ci", "--omit=dev", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        subprocess.run(  # noqa: S603 - our own command line
            command, cwd=_FOLDER, check=True, capture_output=True, timeout=_SECONDS, text=True
        )
    except (subprocess.SubprocessError, OSError) as problem:
        said = (getattr(problem, "stderr", "") or str(problem)).strip().splitlines()
        raise BenchUnavailable(
            f"npm cannot install the peer: {said[-1] if said else ''}"
        ) from problem
