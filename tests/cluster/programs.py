"""Which programs there are, which module each is built from, and where each is found."""

import hashlib
import platform
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.settings import MODULES, Settings

_VERSION_OF_KUBERNETES = (
    "-X k8s.io/component-base/version.gitVersion={version}"
    " -X k8s.io/component-base/version.gitMajor={major}"
    " -X k8s.io/component-base/version.gitMinor={minor}"
)


@dataclass(frozen=True)
class GoModule:
    """A go.mod under `modules/` and the module whose programs it builds."""

    name: str
    path: str
    # Without them a program says that it is v0.0.0, and clients then do without its features.
    version_flags: str = ""

    @property
    def folder(self) -> Path:
        """Where its go.mod lies."""
        return MODULES / self.name

    @property
    def version(self) -> str:
        """The version that its go.mod requires."""
        text = (self.folder / "go.mod").read_text()
        found = re.search(rf"^\s*(?:require )?{re.escape(self.path)} (v\S+)", text, re.MULTILINE)
        if found is None:
            raise ValueError(f"{self.folder / 'go.mod'} does not require {self.path}")
        return found[1]

    @property
    def linker_flags(self) -> str:
        """What the linker is told."""
        major, minor, _ = self.version.removeprefix("v").split(".", 2)
        told = self.version_flags.format(version=self.version, major=major, minor=minor)
        return f"-s -w {told}".strip()

    @property
    def key(self) -> str:
        """Changes with whatever changes what is built; comments do not."""
        lines = (self.folder / "go.mod").read_text().splitlines()
        built = "\n".join(line for line in lines if not line.startswith("//"))
        told = f"{built}\n{self.linker_flags}\n{platform.system()} {platform.machine()}"
        return f"{self.name}-{self.version}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Program:
    """One program: the package of a module that becomes it."""

    name: str
    module: GoModule
    package: str

    def cached(self, settings: Settings) -> Path:
        """Where a build puts it."""
        return settings.cache / self.module.key / "bin" / self.name


_KUBERNETES = GoModule("kubernetes", "k8s.io/kubernetes", _VERSION_OF_KUBERNETES)
_KWOK = GoModule("kwok", "sigs.k8s.io/kwok")
_HELM = GoModule("helm", "helm.sh/helm/v4", "-X helm.sh/helm/v4/internal/version.version={version}")
_ETCD = GoModule("etcd", "go.etcd.io/etcd/server/v3")
HNC_MODULE = GoModule("hnc", "sigs.k8s.io/hierarchical-namespaces")

ETCD = Program("etcd", _ETCD, "go.etcd.io/etcd/server/v3")
API_SERVER = Program("kube-apiserver", _KUBERNETES, "k8s.io/kubernetes/cmd/kube-apiserver")
CONTROLLERS = Program(
    "kube-controller-manager", _KUBERNETES, "k8s.io/kubernetes/cmd/kube-controller-manager"
)
SCHEDULER = Program("kube-scheduler", _KUBERNETES, "k8s.io/kubernetes/cmd/kube-scheduler")
KUBELETS = Program("kwok", _KWOK, "sigs.k8s.io/kwok/cmd/kwok")
HNC = Program("hnc-manager", HNC_MODULE, "sigs.k8s.io/hierarchical-namespaces/cmd/manager")
KUBECTL = Program("kubectl", _KUBERNETES, "k8s.io/kubernetes/cmd/kubectl")
HELM = Program("helm", _HELM, "helm.sh/helm/v4/cmd/helm")

# In the order in which they start; etcd and the API server are what others cannot do without.
CONTROL_PLANE = (ETCD, API_SERVER, CONTROLLERS, SCHEDULER, KUBELETS)
EXTENSIONS = (HNC,)
CLIENTS = (KUBECTL, HELM)
ALL = CONTROL_PLANE + EXTENSIONS + CLIENTS


def find(program: Program, settings: Settings) -> Path | None:
    """Where a program is: in KUBEBUILDER_ASSETS, in the cache, or, etcd only, on PATH."""
    given = settings.assets / program.name if settings.assets else None
    for candidate in (given, program.cached(settings)):
        if candidate is not None and candidate.is_file():
            return candidate
    # A kubectl or helm on PATH is of any version at all; what etcd stores is the same in all.
    installed = shutil.which(program.name) if program is ETCD else None
    return Path(installed) if installed else None


def missing(programs: Iterable[Program], settings: Settings) -> list[Program]:
    """Those that are nowhere."""
    return [program for program in programs if find(program, settings) is None]
