"""What a field is to field ownership: owned in parts, as maps and some lists are, or owned whole.

Built-in types follow a table of well-known names; custom resources follow their schema's
`x-kubernetes-list-type` and `x-kubernetes-map-type`.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.resources.definition import ResourceType, Version

# The keys that tell items of a list apart, each with the default of a missing key;
# no keys at all means a set of scalars, None a list that is owned whole.
ListKeys = tuple[tuple[str, str | None], ...]

_BY_NAME: ListKeys = (("name", None),)
_LISTS: dict[str, ListKeys] = {
    "containers": _BY_NAME,
    "initContainers": _BY_NAME,
    "ephemeralContainers": _BY_NAME,
    "env": _BY_NAME,
    "volumes": _BY_NAME,
    "imagePullSecrets": _BY_NAME,
    "resourceClaims": _BY_NAME,
    "claims": _BY_NAME,
    "schedulingGates": _BY_NAME,
    "secrets": _BY_NAME,
    "volumeMounts": (("mountPath", None),),
    "volumeDevices": (("devicePath", None),),
    "hostAliases": (("ip", None),),
    "podIPs": (("ip", None),),
    "topologySpreadConstraints": (("topologyKey", None), ("whenUnsatisfiable", None)),
    "conditions": (("type", None),),
    "ownerReferences": (("uid", None),),
}
_CONTAINER_PORTS: ListKeys = (("containerPort", None), ("protocol", "TCP"))
_SERVICE_PORTS: ListKeys = (("port", None), ("protocol", "TCP"))
_ATOMIC_MAPS = frozenset(
    {
        "selector",
        "nodeSelector",
        "labelSelector",
        "podSelector",
        "namespaceSelector",
        "scopeSelector",
        "configMapKeyRef",
        "secretKeyRef",
        "fieldRef",
        "resourceFieldRef",
        "roleRef",
        "scaleTargetRef",
        "involvedObject",
        "targetRef",
        "dataSource",
    }
)


class Shape(Protocol):
    """How one field is owned."""

    @property
    def atomic_map(self) -> bool:
        """Whether an object at this place is owned whole."""

    @property
    def list_keys(self) -> ListKeys | None:
        """How items of a list at this place are told apart; None when it is owned whole."""

    def field(self, name: str) -> "Shape":
        """The shape of a member."""

    def item(self) -> "Shape":
        """The shape of a list item."""


@dataclass(frozen=True, slots=True)
class NativeShape:
    """A field of a built-in type, known by its name and the name above it."""

    kind: str
    name: str = ""
    parent: str = ""

    @property
    def atomic_map(self) -> bool:
        return self.name in _ATOMIC_MAPS

    @property
    def list_keys(self) -> ListKeys | None:
        if self.name == "ports":
            return _SERVICE_PORTS if self.kind == "Service" else _CONTAINER_PORTS
        if self.name == "finalizers":
            return () if self.parent == "metadata" else None
        return _LISTS.get(self.name)

    def field(self, name: str) -> "NativeShape":
        return _native(self.kind, name, self.name)

    def item(self) -> "NativeShape":
        return _native(self.kind, "", self.name)


@lru_cache(maxsize=8192)
def _native(kind: str, name: str, parent: str) -> NativeShape:
    """The same few hundred fields are asked for at each write."""
    return NativeShape(kind, name, parent)


@dataclass(frozen=True, slots=True, eq=False)
class SchemaShape:
    """A field of a custom resource, described by its part of the schema."""

    schema: Obj
    root: bool = False

    @property
    def atomic_map(self) -> bool:
        return self.schema.get("x-kubernetes-map-type") == "atomic"

    @property
    def list_keys(self) -> ListKeys | None:
        kind = self.schema.get("x-kubernetes-list-type", "atomic")
        if kind == "atomic":
            return None
        properties = (self.schema.get("items") or {}).get("properties") or {}
        keys = self.schema.get("x-kubernetes-list-map-keys") or ()
        return tuple((key, (properties.get(key) or {}).get("default")) for key in keys)

    def field(self, name: str) -> Shape:
        if self.root and name == "metadata":
            return NativeShape("", "metadata")
        properties = self.schema.get("properties") or {}
        found = properties.get(name) or self.schema.get("additionalProperties")
        return SchemaShape(found if isinstance(found, dict) else {})

    def item(self) -> Shape:
        return SchemaShape(self.schema.get("items") or {})


def shape_of(type_: ResourceType, version: Version) -> Shape:
    """The shape of whole objects of a type."""
    if type_.custom:
        return SchemaShape(version.schema or {}, root=True)
    return _native(type_.kind, "", "")
