"""Objects of the simulated cluster: immutable, by name, with a log of everything that happened.

A stored object is never changed in place, so what was read, watched and logged shares it.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from services.chassis.clock import Clock
from services.provisioner import naming
from services.provisioner.domain import Json, JsonObject
from services.provisioner.errors import (
    NamespaceTerminating,
    ObjectChanged,
    ObjectExists,
    ObjectGone,
)
from services.provisioner.kube.kinds import Kind
from services.provisioner.objects import Live, Ref, ref_of
from tests.fakes.memory_apply import fields_of, is_ours, managed_entry, merge, prune, served

Content = dict[str, Any]


class Write(NamedTuple):
    """Something that happened to an object; ``live`` is how it then stood, or had stood.

    ``ours`` tells whether it was a request of the product's.
    """

    at: datetime
    verb: str
    live: Live
    ours: bool

    @property
    def tenant(self) -> str:
        """Whose object it is; empty for nobody's of ours."""
        return self.live.label(naming.LABEL_TENANT)


class Read(NamedTuple):
    """A GET of the product's that found an object, and how many writes had happened before it."""

    after: int
    at: datetime
    ref: Ref


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of a watch, at its place in the log of its kind."""

    version: int
    type: str
    live: Live


class ObjectStore:
    """What stands. ``news`` is called after every write, with the kind."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.objects: dict[Ref, Live] = {}
        self.of_kind: defaultdict[tuple[str, str], dict[Ref, Live]] = defaultdict(dict)
        """The same by version and kind, which is how they are listed."""
        self.inside: defaultdict[str, dict[Ref, None]] = defaultdict(dict)
        """Objects of a namespace."""
        self.history: list[Write] = []
        self.reads: list[Read] = []
        self.logs: defaultdict[Kind, list[Happened]] = defaultdict(list)
        self.news: list[Callable[[Kind], None]] = []
        self._fields: dict[Ref, list[Content]] = {}
        self.version = 0

    def shown(self, ref: Ref) -> Live | None:
        """Return an object as a GET shows it, with who owns which field."""
        live = self.objects.get(ref)
        if live is None:
            return None
        entries = self._entries(live)
        metadata = {**_metadata(live), "managedFields": entries}
        return Live(ref, {**live.content, "metadata": metadata})

    def found(self, ref: Ref) -> None:
        """Remember that the product was shown an object as it stands now."""
        self.reads.append(Read(len(self.history), self._clock.now(), ref))

    def create(self, wanted: JsonObject) -> Live:
        """Make an object; ObjectExists, ObjectGone, NamespaceTerminating."""
        ref = ref_of(wanted)
        if ref in self.objects:
            raise ObjectExists(f"{ref.name} stands")
        self._check_namespace(ref)
        self._fields.pop(ref, None)
        content = {**wanted, "metadata": {**_of(wanted), "uid": f"uid-{self.version + 1}"}}
        return self.put("create", ref, _defaulted(content))

    def hand_over(self, live: Live, managed_fields: Sequence[Json]) -> Live:
        """Replace who owns which field."""
        now = self.pinned(live)
        self._fields[live.ref] = copied(list(managed_fields))
        return self.put("hand_over", live.ref, now.content)

    def apply(self, wanted: JsonObject, live: Live) -> Live:
        """Apply with force: our fields, and what we owned before and want no more is gone."""
        now = self.pinned(live)
        content = copied(now.content)
        entries = self._entries(now)
        fields = fields_of(wanted)
        others = [one for one in entries if not is_ours(one, "Apply")]
        for entry in entries:
            if is_ours(entry, "Apply"):
                prune(content, entry["fieldsV1"], [fields, *(one["fieldsV1"] for one in others)])
        merge(content, wanted)
        self._fields[live.ref] = [managed_entry("Apply", fields), *others]
        return self.put("apply", live.ref, _defaulted(content))

    def strip(self, live: Live, annotations: Sequence[str]) -> Live:
        """Take annotations."""
        content = copied(self.pinned(live).content)
        for name in annotations:
            if name not in content["metadata"].get("annotations", {}):
                raise ObjectChanged(f"{live.ref.name} has no annotation {name}")
            del content["metadata"]["annotations"][name]
        return self.put("strip", live.ref, content)

    def change(self, live: Live, patch: JsonObject) -> Live:
        """Merge a patch."""
        content = copied(self.pinned(live).content)
        _patch(content, patch)
        return self.put("change", live.ref, content)

    def pinned(self, live: Live) -> Live:
        """Return an object if it is exactly the one that was read; ObjectChanged."""
        now = self.objects.get(live.ref)
        if now is None:
            raise ObjectChanged(f"{live.ref.name} does not stand")
        if now.resource_version != live.resource_version:
            raise ObjectChanged(f"{live.ref.name} was changed")
        return now

    def edit(self, ref: Ref, change: Callable[[Content], None]) -> None:
        """Change an object as somebody else would; nothing if it does not stand."""
        live = self.objects.get(ref)
        if live is not None:
            # What we own is what we sent, not what others add now.
            self._entries(live)
            content = copied(live.content)
            change(content)
            self.put("edit", ref, content, ours=False)

    def scale(self, ref: Ref, replicas: int) -> None:
        """Set replicas as the autoscaler does, through its subresource."""
        live = self.objects.get(ref)
        if live is None:
            return
        entry = managed_entry("Update", {"f:spec": {"f:replicas": {}}})
        entry |= {"manager": "autoscaler", "subresource": "scale"}
        kept = [one for one in self._entries(live) if one["manager"] != "autoscaler"]
        self._fields[ref] = [*kept, entry]
        spec = {**live.content["spec"], "replicas": replicas}  # type: ignore[dict-item]  # a mapping
        self.put("scale", ref, {**live.content, "spec": spec}, ours=False)

    def foreign(self, content: JsonObject) -> Live:
        """Let an object of somebody else stand."""
        ref = ref_of(content)
        metadata = {**_of(content), "uid": f"foreign-{self.version + 1}"}
        self._fields[ref] = []
        return self.put("foreign", ref, {**content, "metadata": metadata}, ours=False)

    def put(self, verb: str, ref: Ref, content: JsonObject, *, ours: bool = True) -> Live:
        """Write an object."""
        self.version += 1
        metadata = {**_of(content), "resourceVersion": str(self.version)}
        live = Live(ref, {**content, "metadata": metadata})
        new = ref not in self.objects
        self.objects[ref] = self.of_kind[ref[:2]][ref] = live
        if ref.namespace:
            self.inside[ref.namespace][ref] = None
        self._log(verb, "ADDED" if new else "MODIFIED", live, ours=ours)
        return live

    def remove(self, verb: str, ref: Ref, *, ours: bool = True) -> None:
        """Let an object be gone."""
        live = self.objects.pop(ref, None)
        if live is None:
            return
        del self.of_kind[ref[:2]][ref]
        self._fields.pop(ref, None)
        self.inside[ref.namespace].pop(ref, None)
        self.version += 1
        # The last event of an object has a version of its own.
        metadata = {**_metadata(live), "resourceVersion": str(self.version)}
        self._log(verb, "DELETED", Live(ref, {**live.content, "metadata": metadata}), ours=ours)

    def empty(self, namespace: str) -> None:
        """Let everything in a namespace be gone."""
        for ref in list(self.inside.pop(namespace, {})):
            self.remove("gone", ref, ours=False)

    def _log(self, verb: str, kind: str, live: Live, *, ours: bool) -> None:
        self.history.append(Write(self._clock.now(), verb, live, ours))
        of_kind = Kind(live.ref.api_version, live.ref.kind)
        self.logs[of_kind].append(Happened(self.version, kind, live))
        for tell in self.news:
            tell(of_kind)

    def _entries(self, live: Live) -> list[Content]:
        entries = self._fields.get(live.ref)
        if entries is None:
            # It is as it was created: nobody has asked yet who owns what.
            entries = self._fields[live.ref] = [managed_entry("Update", _owned(live.content))]
        return entries

    def _check_namespace(self, ref: Ref) -> None:
        if not ref.namespace:
            return
        namespace = self.objects.get(Ref("v1", "Namespace", "", ref.namespace))
        if namespace is None:
            raise ObjectGone(f"there is no namespace {ref.namespace}")
        if namespace.deleting:
            raise NamespaceTerminating(f"namespace {ref.namespace} is going")


def _owned(content: JsonObject) -> Content:
    """Return the fields that whoever created an object sent."""
    server = ("uid", "resourceVersion", "deletionTimestamp")
    metadata = {key: value for key, value in _of(content).items() if key not in server}
    return fields_of({**content, "metadata": metadata})


def _metadata(live: Live) -> Mapping[str, Any]:
    return _of(live.content)


def _of(content: JsonObject) -> Mapping[str, Any]:
    metadata = content["metadata"]
    assert isinstance(metadata, Mapping)
    return metadata


def _defaulted(content: Content) -> Content:
    if content["kind"] == "Deployment" and "replicas" not in content["spec"]:
        content = {**content, "spec": {**content["spec"], "replicas": 1}}
    return served(content)


def _patch(content: Content, patch: JsonObject) -> None:
    for key, value in patch.items():
        if value is None:
            content.pop(key, None)
        elif isinstance(value, Mapping):
            _patch(content.setdefault(key, {}), value)
        else:
            content[key] = value


def copied(value: Any) -> Any:
    """Return a copy of JSON, some times faster than ``deepcopy``."""
    if isinstance(value, dict):
        return {key: copied(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [copied(inner) for inner in value]
    return value
