"""Builds the programs and files that are nowhere yet into the cache."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.cluster import foreign, programs
from tests.cluster.errors import ClusterError
from tests.cluster.foreign import Foreign
from tests.cluster.programs import Program
from tests.cluster.settings import Settings

Say = Callable[[str], None]

_NO_GO = (
    "Go is needed to build {names}, and there is no `go` on PATH: install Go 1.26 or newer,"
    " or name a folder that has the programs in KUBEBUILDER_ASSETS."
)


def build(settings: Settings, say: Say) -> None:
    """Build what is missing; ClusterError says what stands in the way."""
    wanted = programs.missing(programs.ALL, settings)
    files = foreign.missing(foreign.ALL, settings)
    names = ", ".join([*(program.name for program in wanted), *(item.name for item in files)])
    if not names:
        return
    if settings.assets is not None:
        say(f"KUBEBUILDER_ASSETS is set, so nothing is built: {names} will not be there.")
        return
    if shutil.which("go") is None:
        raise ClusterError(_NO_GO.format(names=names))
    say(f"Building into {settings.cache}: {names}. From nothing, about 16 minutes on two cores.")
    for program in wanted:
        started = time.monotonic()
        _build(program, program.cached(settings))
        say(f"  {program.name} {program.module.version}: {time.monotonic() - started:.0f} s")
    for item in files:
        started = time.monotonic()
        _make(item, item.cached(settings))
        say(f"  {item.name} {item.module.version}: {time.monotonic() - started:.0f} s")


def _build(program: Program, target: Path) -> None:
    # Moved there when it is whole: an interrupted build leaves nothing that looks like a program.
    unfinished = _unfinished(target)
    command = [
        *("build", "-mod=readonly", "-trimpath"),
        *("-ldflags", program.module.linker_flags),
        *("-o", str(unfinished), program.package),
    ]
    try:
        _go(program.name, program.module.folder, *command, CGO_ENABLED="0")
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _make(item: Foreign, target: Path) -> None:
    unfinished = _unfinished(target)
    unfinished.mkdir()
    try:
        if item.types:
            _generate(item, unfinished)
        else:
            _copy(item, unfinished)
        if not any(unfinished.iterdir()):
            raise ClusterError(f"{item.module.path} {item.module.version} lacks {item.name}.")
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _unfinished(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.with_name(f".{target.name}.{os.getpid()}")


def _generate(item: Foreign, target: Path) -> None:
    words = ("crd", f"paths={item.types}", f"output:crd:dir={target}")
    # controller-gen asks go for the types, too, and this is how it hears of the flag.
    flags = f"{os.environ.get('GOFLAGS', '')} -mod=readonly".strip()
    _go(item.name, item.module.folder, "tool", "controller-gen", *words, GOFLAGS=flags)


def _copy(item: Foreign, target: Path) -> None:
    folder, path = item.module.folder, item.module.path
    # It compares what it fetched with go.sum; `go list` then only says where that lies.
    _go(item.name, folder, "mod", "download", path)
    source = Path(_go(item.name, folder, "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", path))
    found = [file for pattern in item.patterns for file in sorted(source.glob(pattern))]
    for number, file in enumerate(found):
        (target / f"{number:02}-{file.name}").write_bytes(file.read_bytes())


def _go(what: str, folder: Path, *words: str, **environment: str) -> str:
    """Run go in a folder; what it says, but for its complaints, which are shown."""
    command = ["go", *words]
    ended = subprocess.run(  # noqa: S603 - our own arguments
        command, cwd=folder, env=_environment(environment), stdout=subprocess.PIPE, check=False
    )
    if ended.returncode != 0:
        raise ClusterError(f"{what} could not be built; the reason that go gave is above.")
    return ended.stdout.decode().strip()


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    # From Go 1.27 on encoding/json is its second version, with which the OpenAPI document of these
    # releases comes out broken, and kubectl apply and helm fail. Go 1.26 knows the name, too.
    return {**os.environ, "GOEXPERIMENT": "nojsonv2", "GOWORK": "off", **more}
