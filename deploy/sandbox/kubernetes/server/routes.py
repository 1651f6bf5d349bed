"""From a path to what it names."""

from dataclasses import dataclass

from deploy.sandbox.kubernetes.core.errors import no_such_path
from deploy.sandbox.kubernetes.resources.registry import Registry
from deploy.sandbox.kubernetes.verbs.requests import Target


@dataclass(frozen=True, slots=True)
class ResourcePath:
    """A path below a group and version that names objects of a type."""

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def access_namespace(self) -> str:
        """The namespace in which access is judged: a namespace lies in itself."""
        return self.name if self.plural == "namespaces" and not self.group else self.namespace


def parse_path(path: str) -> ResourcePath | None:
    """The objects that a path names, or None for discovery and other paths."""
    parts = [part for part in path.split("/") if part]
    if len(parts) > 2 and parts[0] == "api":
        group, version, rest = "", parts[1], parts[2:]
    elif len(parts) > 3 and parts[0] == "apis":
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    # `/namespaces/x/status` is the namespace itself, `/namespaces/x/pods` is what it holds.
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3:
        raise no_such_path()
    plural, name, subresource = (*rest, "", "")[:3]
    return ResourcePath(group, version, plural, namespace, name, subresource)


def target_of(registry: Registry, path: ResourcePath) -> Target:
    """The type behind a path; 404 where type, scope or subresource is not served."""
    type_, version = registry.served(path.group, path.version, path.plural)
    needs_namespace = type_.namespaced and bool(path.name)
    if (path.namespace and not type_.namespaced) or (needs_namespace and not path.namespace):
        raise no_such_path()
    if path.subresource and path.subresource not in version.subresources():
        raise no_such_path()
    return Target(type_, version, path.namespace, path.name, path.subresource)
