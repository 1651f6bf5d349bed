"""Shelves of the organization cache: of each kind only what is asked for, by where it stands."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from services.provisioner import naming
from services.provisioner.domain import Json, JsonObject
from services.provisioner.kube.kinds import Kind
from services.provisioner.kube.slimming import slim
from services.provisioner.objects import Live, Ref, section
from services.provisioner.organization.annotations import PREFIX
from services.provisioner.organization.seen import is_public, project_of

_NOTHING: Mapping[str, Live] = MappingProxyType({})
_KEPT_METADATA = ("name", "namespace", "uid", "resourceVersion", "deletionTimestamp")
_SCALE = ("replicas", "suspend")
_KEPT_ANNOTATIONS = (PREFIX, "tollgate.dev/", naming.PROJECT)

Heard = Callable[[str, Live | None], None]
"""Told of the place where something changed, and of what stands there now."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched of a kind: which objects, what is kept of each, and under which place.

    A place of None is not kept: the object is none that counts. ``required`` kinds are served by
    every cluster; of ``quiet`` ones nobody is told. What is heard is enough to work by without
    those that are a ``hint`` only.
    """

    name: str
    kind: Kind
    selected: Mapping[str, str]
    place: Callable[[Live], str | None]
    keep: Callable[[JsonObject], JsonObject]
    required: bool = False
    quiet: bool = False
    hint: bool = False


@dataclass(slots=True)
class Shelf:
    """What was heard of one kind, by place and name."""

    watched: Watched
    hear: Heard
    filled: bool = False
    _by_place: dict[str, dict[str, Live]] = field(default_factory=dict)
    _places: dict[Ref, str] = field(default_factory=dict)

    def at(self, place: str) -> Mapping[str, Live]:
        """Return what stands at a place, by ``namespace/name``."""
        return self._by_place.get(place, _NOTHING)

    def place_of(self, ref: Ref) -> str | None:
        """Return the place of an object, None if it is not kept."""
        return self._places.get(ref)

    def places(self) -> list[str]:
        """Return every place where something stands."""
        return list(self._by_place)

    def listed(self, objects: Sequence[Live]) -> None:
        """Take in everything that stands."""
        standing = {live.ref for live in objects}
        for ref in [ref for ref in self._places if ref not in standing]:
            self.gone(ref)
        for live in objects:
            self.kept(live)
        self.filled = True

    def kept(self, live: Live) -> None:
        """Take in an object."""
        place = self.watched.place(live)
        before = self._places.get(live.ref)
        if before is not None and before != place:
            self.gone(live.ref)
        if place is None:
            return
        name = _key(live.ref)
        known = self.at(place).get(name)
        if known is not None and known.resource_version == live.resource_version:
            return
        kept = Live(live.ref, slim(self.watched.keep(live.content)))
        if known is not None and known.content == kept.content:
            return
        self._places[live.ref] = place
        self._by_place.setdefault(place, {})[name] = kept
        self.hear(place, kept)

    def gone(self, ref: Ref) -> None:
        """Forget an object."""
        place = self._places.pop(ref, None)
        if place is None:
            return
        here = self._by_place[place]
        del here[_key(ref)]
        if not here:
            del self._by_place[place]
        self.hear(place, None)

    def clear(self) -> None:
        """Forget everything: the kind is not served any more."""
        self.listed([])
        self.filled = False


def by_namespace(live: Live) -> str:
    """Place an object in its namespace."""
    return live.ref.namespace


def by_organization(live: Live) -> str | None:
    """Place a project's namespace at its organization."""
    found = project_of(live)
    return None if found is None else found[0]


def by_name(live: Live) -> str:
    """Place a namespace at its own name."""
    return live.ref.name


def organizations_only(live: Live) -> str | None:
    """Place an organization at its name, which is that of its namespace."""
    return live.ref.name if live.ref.name == live.ref.namespace else None


def public_only(live: Live) -> str | None:
    """Place a public address in its namespace."""
    return live.ref.namespace if is_public(live) else None


def whole(content: JsonObject) -> JsonObject:
    """Keep everything."""
    return content


def spec_only(content: JsonObject) -> JsonObject:
    """Keep what was asked for: not what became of it, nor which write it was.

    So it is heard of only when that changes, and then also if we wrote it ourselves.
    """
    return {**_named(content), "spec": section(content, "spec")}


def name_only(content: JsonObject) -> JsonObject:
    """Keep that it stands; heard of as ``spec_only`` is."""
    return _named(content)


def scale_only(content: JsonObject) -> JsonObject:
    """Keep how much a workload is to run; heard of as ``spec_only`` is."""
    spec = section(content, "spec")
    return {**_named(content), "spec": {key: spec[key] for key in _SCALE if key in spec}}


def identity(content: JsonObject) -> JsonObject:
    """Keep what tells who an object is, and the annotations that are read."""
    metadata = section(content, "metadata")
    kept: dict[str, Json] = {key: metadata[key] for key in _KEPT_METADATA if key in metadata}
    annotations = section(content, "metadata", "annotations")
    kept["annotations"] = {
        key: value for key, value in annotations.items() if key.startswith(_KEPT_ANNOTATIONS)
    }
    labels = section(content, "metadata", "labels")
    kept["labels"] = {key: labels[key] for key in (naming.PROJECT,) if key in labels}
    return {"apiVersion": content["apiVersion"], "kind": content["kind"], "metadata": kept}


def _named(content: JsonObject) -> dict[str, Json]:
    metadata = section(content, "metadata")
    kept: JsonObject = {key: metadata[key] for key in ("name", "namespace") if key in metadata}
    return {"apiVersion": content["apiVersion"], "kind": content["kind"], "metadata": kept}


def _key(ref: Ref) -> str:
    return f"{ref.namespace}/{ref.name}"
