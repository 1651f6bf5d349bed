"""What the server knows about a resource type."""

from dataclasses import dataclass, field

from deploy.sandbox.kubernetes.core.objects import Obj

ALL_VERBS = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
)


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """Where a type keeps what its `/scale` subresource shows; paths below the object."""

    spec_replicas: tuple[str, ...] = ("spec", "replicas")
    status_replicas: tuple[str, ...] = ("status", "replicas")
    selector: tuple[str, ...] = ("spec", "selector")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a type; `schema` is there for custom resources."""

    name: str
    served: bool = True
    status: bool = False
    scale: ScalePaths | None = None
    schema: Obj | None = None
    other_subresources: tuple[str, ...] = ()

    def subresources(self) -> tuple[str, ...]:
        """All subresources that have a path."""
        own = (("status",) if self.status else ()) + (("scale",) if self.scale else ())
        return own + self.other_subresources


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One type, as discovery shows it and as requests are judged by it."""

    group: str
    kind: str
    plural: str
    namespaced: bool
    versions: tuple[Version, ...]
    storage_version: str
    singular: str = ""
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    name_style: str = "subdomain"
    generation: bool = False
    custom: bool = False
    resource: str = field(init=False)

    def __post_init__(self) -> None:
        full = f"{self.plural}.{self.group}" if self.group else self.plural
        object.__setattr__(self, "resource", full)
        object.__setattr__(self, "singular", self.singular or self.kind.lower())
        object.__setattr__(self, "list_kind", self.list_kind or f"{self.kind}List")

    def version(self, name: str) -> Version | None:
        """The served version of that name."""
        return next((v for v in self.versions if v.name == name and v.served), None)

    def api_version(self, version: str) -> str:
        """`apiVersion` as objects of this type carry it."""
        return f"{self.group}/{version}" if self.group else version
