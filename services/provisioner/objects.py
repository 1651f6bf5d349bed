"""Objects of the cluster as values: what names one, and what was read of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from services.provisioner import naming
from services.provisioner.domain import Json, JsonObject, Version

_NOTHING: JsonObject = {}


class Ref(NamedTuple):
    """What names an object; ``namespace`` is empty for one that has none.

    A tuple, for its hash and comparison are asked for some hundred times in a run over a tenant.
    """

    api_version: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Live:
    """An object as the API server gave it; never changed by us."""

    ref: Ref
    content: JsonObject

    @property
    def uid(self) -> str:
        """What tells it from another object of the same name."""
        return self._metadata("uid")

    @property
    def resource_version(self) -> str:
        """Which write made it what it is."""
        return self._metadata("resourceVersion")

    @property
    def deleting(self) -> bool:
        """It was deleted and is not gone yet."""
        return bool(self._metadata("deletionTimestamp"))

    def same_as(self, other: "Live") -> bool:
        """Tell whether both were read as the same write left them."""
        if self.content is other.content:
            return True
        version = self.resource_version
        same = version != "" and version == other.resource_version
        return same and self.ref == other.ref and self.uid == other.uid

    def annotation(self, name: str) -> str:
        """Return an annotation, empty if it has none of that name."""
        value = section(self.content, "metadata", "annotations").get(name)
        return value if isinstance(value, str) else ""

    def label(self, name: str) -> str:
        """Return a label, empty if it has none of that name."""
        value = section(self.content, "metadata", "labels").get(name)
        return value if isinstance(value, str) else ""

    @property
    def version(self) -> Version:
        """The order that it was last made by; (0, 0) where that cannot be read."""
        said = section(self.content, "metadata", "annotations")
        return Version(
            _counter(said.get(naming.ANNOTATION_EPOCH)),
            _counter(said.get(naming.ANNOTATION_GENERATION)),
        )

    @property
    def replicas(self) -> int | None:
        """``spec.replicas``, None if it says none."""
        return _whole(section(self.content, "spec").get("replicas"))

    @property
    def available(self) -> int | None:
        """``status.availableReplicas``, None if nobody has reported yet."""
        status = section(self.content, "status")
        return _whole(status.get("availableReplicas", 0)) if status else None

    def _metadata(self, name: str) -> str:
        value = section(self.content, "metadata").get(name)
        return value if isinstance(value, str) else ""


def ref_of(content: JsonObject) -> Ref:
    """Return what names this object; KeyError or TypeError if it is none."""
    metadata = section(content, "metadata")
    return Ref(
        str(content["apiVersion"]),
        str(content["kind"]),
        str(metadata.get("namespace", "")),
        str(metadata["name"]),
    )


def section(content: JsonObject, *path: str) -> JsonObject:
    """Return the mapping at this path, an empty one if there is none."""
    found: Json = content
    for key in path:
        # What was read is made of dicts, and asking an abstract class costs ten times as much.
        found = found.get(key) if type(found) is dict or isinstance(found, Mapping) else None
    return found if type(found) is dict or isinstance(found, Mapping) else _NOTHING


def _counter(said: Json) -> int:
    return int(said) if isinstance(said, str) and said.isascii() and said.isdigit() else 0


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
