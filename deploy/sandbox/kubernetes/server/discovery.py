"""Which groups, versions and types there are."""

from deploy.sandbox.kubernetes.core.errors import no_such_path
from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.resources.definition import ResourceType, Version
from deploy.sandbox.kubernetes.resources.registry import Registry

VERSION_INFO: Obj = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.0-tollgate-sandbox",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "linux/amd64",
}


def discovery(registry: Registry, path: str) -> Obj | None:
    """The discovery document of a path, or None when it is no discovery path."""
    parts = [part for part in path.split("/") if part]
    match parts:
        case ["version"]:
            return VERSION_INFO
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ["api", version]:
            return _resources(registry, "", version)
        case ["apis"]:
            groups = registry.versions_of_groups()
            listed = [_group(name, versions) for name, versions in groups.items() if name]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
        case ["apis", group]:
            return _one_group(registry, group)
        case ["apis", group, version]:
            return _resources(registry, group, version)
    return None


def _group(name: str, versions: list[str]) -> Obj:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _one_group(registry: Registry, name: str) -> Obj:
    versions = registry.versions_of_groups().get(name)
    if not versions or not name:
        raise no_such_path()
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)}


def _resources(registry: Registry, group: str, version: str) -> Obj:
    found: list[Obj] = []
    for type_ in registry:
        served = type_.version(version)
        if type_.group == group and served is not None:
            found += _entries(type_, served)
    if not found:
        raise no_such_path()
    name = f"{group}/{version}" if group else version
    head = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name}
    return {**head, "resources": found}


def _entries(type_: ResourceType, version: Version) -> list[Obj]:
    entry: Obj = {
        "name": type_.plural,
        "singularName": type_.singular,
        "namespaced": type_.namespaced,
        "kind": type_.kind,
        "verbs": list(type_.verbs),
    }
    if type_.short_names:
        entry["shortNames"] = list(type_.short_names)
    if type_.categories:
        entry["categories"] = list(type_.categories)
    return [entry, *(_subresource(type_, name) for name in version.subresources())]


def _subresource(type_: ResourceType, name: str) -> Obj:
    entry: Obj = {
        "name": f"{type_.plural}/{name}",
        "singularName": "",
        "namespaced": type_.namespaced,
        "kind": type_.kind,
        "verbs": ["get", "patch", "update"],
    }
    if name == "scale":
        entry |= {"kind": "Scale", "group": "autoscaling", "version": "v1"}
    elif name == "eviction":
        entry |= {"kind": "Eviction", "group": "policy", "version": "v1", "verbs": ["create"]}
    elif name == "finalize":
        entry["verbs"] = ["update"]
    return entry
