"""The ConfigMap that holds ``plans.yaml``: taken apart with the lines of the file, and written."""

from services.pricing.catalog_yaml import MarkedYaml, Path, Plain, YamlProblem, read
from services.pricing.sources.writing import Block, dumped

KEY = "plans.yaml"
NAME = "billing-plans"
NAMESPACE = "kube-dc"

_PATH: Path = ("data", KEY)


def is_manifest(value: Plain) -> bool:
    """Tell whether a document is a ConfigMap."""
    return isinstance(value, dict) and value.get("kind") == "ConfigMap"


def unwrapped(manifest: MarkedYaml, source: str) -> tuple[MarkedYaml, str]:
    """Return the document within a ConfigMap, and what its lines are lines of.

    They are the manifest's own where the text is a block of it. Elsewhere (JSON, quoted text) they
    are counted in the text, and the source says so. YamlProblem if there is no such text or it is
    no YAML.
    """
    data = manifest.value.get("data") if isinstance(manifest.value, dict) else None
    text = data.get(KEY) if isinstance(data, dict) else None
    if not isinstance(text, str):
        raise YamlProblem(manifest.line(_PATH), f"data.{KEY}", "is missing")
    first = manifest.blocks.get(_PATH)
    within = source if first else f"{source}#{KEY}"
    return read(text, first or 1, lenient=True), within


def wrapped(text: str) -> str:
    """Return the manifest of the ConfigMap that holds a ``plans.yaml``."""
    return dumped(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "data": {KEY: Block(text)},
        }
    )
