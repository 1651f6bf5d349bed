"""Where the control plane keeps its programs and its state; the only reader of the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = Path(__file__).resolve().parent / "modules"


@dataclass(frozen=True)
class Settings:
    """`home` is what one running control plane writes to; `cache` what a build writes to.

    `assets` is a folder of programs that somebody else made: with it, nothing is built.
    """

    home: Path
    cache: Path
    assets: Path | None


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process, or of the given environment."""
    values = os.environ if environment is None else environment
    cache = values.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    home = values.get("TOLLGATE_CLUSTER_HOME") or str(ROOT / ".tollgate" / "cluster")
    assets = values.get("KUBEBUILDER_ASSETS")
    return Settings(
        home=Path(home).resolve(),
        cache=Path(cache).resolve() / "tollgate" / "cluster",
        assets=Path(assets).resolve() if assets else None,
    )


def contract_kubeconfig(environment: Mapping[str, str] | None = None) -> Path | None:
    """The kubeconfig of the control plane that tests are to meet, if one is named."""
    values = os.environ if environment is None else environment
    found = values.get("TOLLGATE_CONTRACT_KUBECONFIG")
    return Path(found).resolve() if found else None
