"""Builds the programs that are nowhere yet into the cache."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.programs import ALL, Program, missing
from tests.cluster.settings import Settings

Say = Callable[[str], None]

_NO_GO = (
    "Go is needed to build {names}, and there is no `go` on PATH: install Go 1.26 or newer,"
    " or name a folder that has the programs in KUBEBUILDER_ASSETS."
)


def build(settings: Settings, say: Say) -> None:
    """Build what is missing; ClusterError says what stands in the way."""
    wanted = missing(ALL, settings)
    if not wanted:
        return
    names = ", ".join(program.name for program in wanted)
    if settings.assets is not None:
        say(f"KUBEBUILDER_ASSETS is set, so nothing is built: {names} will not be there.")
        return
    go = shutil.which("go")
    if go is None:
        raise ClusterError(_NO_GO.format(names=names))
    say(f"Building {names} into {settings.cache}: 10 to 20 minutes on two cores from nothing.")
    for program in wanted:
        started = time.monotonic()
        _build(Path(go), program, program.cached(settings))
        say(f"  {program.name} {program.module.version}: {time.monotonic() - started:.0f} s")


def _build(go: Path, program: Program, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # Moved there when it is whole: an interrupted build leaves nothing that looks like a program.
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    command = [
        *(str(go), "build", "-mod=readonly", "-trimpath"),
        *("-ldflags", program.module.linker_flags),
        *("-o", str(unfinished), program.package),
    ]
    ended = subprocess.run(command, cwd=program.module.folder, env=_environment(), check=False)  # noqa: S603 - our own arguments
    if ended.returncode != 0:
        unfinished.unlink(missing_ok=True)
        raise ClusterError(f"{program.name} could not be built; the compiler's reason is above.")
    unfinished.replace(target)


def _environment() -> dict[str, str]:
    # From Go 1.27 on encoding/json is its second version, with which the OpenAPI document of these
    # releases comes out broken, and kubectl apply and helm fail. Go 1.26 knows the name, too.
    return {**os.environ, "CGO_ENABLED": "0", "GOEXPERIMENT": "nojsonv2", "GOWORK": "off"}
