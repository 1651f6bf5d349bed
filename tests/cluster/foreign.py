"""Files that others publish in their Go modules: definitions of custom resources, and webhooks.

They are made at build time, into the cache beside the programs, and never committed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.programs import HNC_MODULE, GoModule
from tests.cluster.settings import Settings

# In Python alone, reading half a megabyte of schemas takes longer than starting the control plane.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Foreign:
    """YAML files of one module: copied from its folders, or generated from its Go types."""

    name: str
    module: GoModule
    kind: str
    # Which of the module's files; their order is kept.
    patterns: tuple[str, ...] = ()
    # The package whose types controller-gen turns into definitions.
    types: str = ""

    def cached(self, settings: Settings) -> Path:
        """The folder that a build puts them into."""
        return settings.cache / self.module.key / self.kind

    def objects(self, settings: Settings) -> list[dict[str, Any]]:
        """Every object in them, in the order of the files' names; none if they were not made."""
        texts = [path.read_text() for path in sorted(self.cached(settings).glob("*.yaml"))]
        return [item for text in texts for item in yaml.load_all(text, _LOADER) if item]


VELERO = Foreign(
    "the CRDs of Velero",
    GoModule("velero", "github.com/vmware-tanzu/velero"),
    "crds",
    ("config/crd/v1/bases/*.yaml", "config/crd/v2alpha1/bases/*.yaml"),
)
FLUX = Foreign(
    "the CRD of HelmRelease",
    GoModule("flux", "github.com/fluxcd/helm-controller/api"),
    "crds",
    types="github.com/fluxcd/helm-controller/api/v2",
)
HNC = Foreign("the CRDs of HNC", HNC_MODULE, "crds", ("config/crd/bases/*.yaml",))
HNC_WEBHOOKS = Foreign(
    "the webhooks of HNC",
    HNC_MODULE,
    "webhooks",
    (
        "config/webhook/manifests.yaml",
        "config/webhook/webhook_patch.yaml",
        "config/variants/hrq/webhook_patch.yaml",
    ),
)

DEFINITIONS = (VELERO, FLUX, HNC)
ALL = (*DEFINITIONS, HNC_WEBHOOKS)


def missing(files: Iterable[Foreign], settings: Settings) -> list[Foreign]:
    """Those that were not made."""
    return [item for item in files if not item.cached(settings).is_dir()]
