"""Which types are served now: the built-in ones and those of established definitions."""

from collections.abc import Iterable, Iterator

from deploy.sandbox.kubernetes.core.errors import no_such_path
from deploy.sandbox.kubernetes.resources.definition import ResourceType, Version


class Registry:
    """Types by group and plural, and by kind."""

    def __init__(self, types: Iterable[ResourceType]) -> None:
        self._by_plural: dict[tuple[str, str], ResourceType] = {}
        self._by_kind: dict[tuple[str, str], ResourceType] = {}
        self._by_resource: dict[str, ResourceType] = {}
        for type_ in types:
            self.add(type_)

    def add(self, type_: ResourceType) -> None:
        """Serve a type, in place of an older definition of the same name."""
        self._by_plural[type_.group, type_.plural] = type_
        self._by_kind[type_.group, type_.kind] = type_
        self._by_resource[type_.resource] = type_

    def discard(self, resource: str) -> None:
        """Serve a type no longer."""
        type_ = self._by_resource.pop(resource, None)
        if type_ is not None:
            del self._by_plural[type_.group, type_.plural]
            del self._by_kind[type_.group, type_.kind]

    def served(self, group: str, version: str, plural: str) -> tuple[ResourceType, Version]:
        """The type and version behind a path; 404 when there is none."""
        type_ = self._by_plural.get((group, plural))
        found = type_.version(version) if type_ else None
        if type_ is None or found is None:
            raise no_such_path()
        return type_, found

    def by_resource(self, resource: str) -> ResourceType:
        """A type that is known to be served."""
        return self._by_resource[resource]

    def find_resource(self, resource: str) -> ResourceType | None:
        """The type of that `plural.group` name."""
        return self._by_resource.get(resource)

    def find_kind(self, group: str, kind: str) -> ResourceType | None:
        """The type of that kind."""
        return self._by_kind.get((group, kind))

    def __iter__(self) -> Iterator[ResourceType]:
        return iter(tuple(self._by_resource.values()))

    def versions_of_groups(self) -> dict[str, list[str]]:
        """Served versions by group, the preferred one first."""
        groups: dict[str, list[str]] = {}
        for type_ in self:
            versions = groups.setdefault(type_.group, [])
            names = [version.name for version in type_.versions if version.served]
            versions.extend(name for name in names if name not in versions)
        for versions in groups.values():
            versions.sort(key=version_priority)
        return {group: versions for group, versions in groups.items() if versions}


def version_priority(version: str) -> tuple[int, int, int, str]:
    """Sorts `v2`, `v1`, `v1beta2`, `v1beta1`, `v1alpha1`, then the rest by name."""
    body = version.removeprefix("v")
    for rank, word in ((1, "beta"), (2, "alpha")):
        major, found, minor = body.partition(word)
        if found and major.isdigit() and (minor.isdigit() or not minor):
            return rank, -int(major), -int(minor or 0), version
    return (0, -int(body), 0, version) if body.isdigit() else (3, 0, 0, version)
