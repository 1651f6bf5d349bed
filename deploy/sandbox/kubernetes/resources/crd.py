"""From a CustomResourceDefinition to a served type."""

from deploy.sandbox.kubernetes.core.objects import Obj, dig, name_of
from deploy.sandbox.kubernetes.resources.definition import ResourceType, ScalePaths, Version

RESOURCE = "customresourcedefinitions.apiextensions.k8s.io"


def _path(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(".") if part)


def _version(version: Obj) -> Version:
    subresources = version.get("subresources") or {}
    scale = subresources.get("scale")
    paths = scale and ScalePaths(
        _path(scale["specReplicasPath"]),
        _path(scale["statusReplicasPath"]),
        _path(scale.get("labelSelectorPath", "")),
    )
    return Version(
        version["name"],
        served=bool(version.get("served")),
        status="status" in subresources,
        scale=paths,
        schema=dig(version, "schema", "openAPIV3Schema", default={}),
    )


def type_of(definition: Obj) -> ResourceType:
    """The type that a valid definition describes."""
    spec = definition["spec"]
    names = spec["names"]
    return ResourceType(
        group=spec["group"],
        kind=names["kind"],
        plural=names["plural"],
        namespaced=spec["scope"] == "Namespaced",
        versions=tuple(_version(version) for version in spec["versions"]),
        storage_version=next(v["name"] for v in spec["versions"] if v.get("storage")),
        singular=names.get("singular", ""),
        list_kind=names.get("listKind", ""),
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        generation=True,
        custom=True,
    )


def resource_of(definition: Obj) -> str:
    """The `plural.group` that a definition serves: its own name."""
    return name_of(definition)
