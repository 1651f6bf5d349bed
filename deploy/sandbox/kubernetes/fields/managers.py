"""`metadata.managedFields`: who owns what, and how an update changes it."""

from dataclasses import dataclass

from deploy.sandbox.kubernetes.core.errors import bad_request
from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.fields.compare import compare
from deploy.sandbox.kubernetes.fields.paths import (
    EMPTY,
    FieldSet,
    Path,
    fields_of,
    from_fields_v1,
    to_fields_v1,
    without_subtrees,
)
from deploy.sandbox.kubernetes.fields.shapes import Shape

UPDATE = "Update"
APPLY = "Apply"


@dataclass(frozen=True, slots=True)
class Manager:
    """The identity of an entry."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""

    def shown(self) -> str:
        """The manager as conflict texts name it."""
        through = f' with subresource "{self.subresource}"' if self.subresource else ""
        version = f" using {self.api_version}" if self.operation == UPDATE else ""
        return f'"{self.name}"{through}{version}'


@dataclass(frozen=True, slots=True)
class Ownership:
    """What one manager owns, and since when."""

    fields: FieldSet
    time: str


Managers = dict[Manager, Ownership]


def decode(entries: list[Obj]) -> Managers:
    """The managers of a `managedFields` list; raises ValueError where it is malformed."""
    managers: Managers = {}
    for entry in entries:
        if entry.get("operation") not in (UPDATE, APPLY):
            raise ValueError(f"unknown operation {entry.get('operation')!r} in managedFields")
        fields = from_fields_v1(entry.get("fieldsV1") or {})
        managers[_identity(entry)] = Ownership(fields, entry.get("time", ""))
    return managers


def encode(managers: Managers) -> list[Obj]:
    """The list in its order."""
    entries = [_entry(identity, owned) for identity, owned in managers.items() if owned.fields]
    return sorted(entries, key=_place)


def _entry(identity: Manager, owned: Ownership) -> Obj:
    return _told(identity, owned.time, to_fields_v1(owned.fields))


def _told(identity: Manager, time: str, fields: Obj) -> Obj:
    entry: Obj = {
        "manager": identity.name,
        "operation": identity.operation,
        "apiVersion": identity.api_version,
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    if identity.subresource:
        entry["subresource"] = identity.subresource
    return entry


def _entries_before(live: Obj | None, new: Obj) -> list[Obj]:
    """The entries that a write starts from: those it sent, if they are sound, else the live ones.

    A client that knows nothing of the field must not lose it; a list of one empty entry resets it.
    """
    sent = (new.get("metadata") or {}).get("managedFields")
    kept: list[Obj] = (live or {}).get("metadata", {}).get("managedFields") or []
    if sent == [{}]:
        return []
    if not sent or sent == kept:
        return kept
    try:
        return encode(decode(sent))
    except (ValueError, KeyError, AttributeError, TypeError):
        return kept


def record_update(
    live: Obj | None,
    new: Obj,
    actor: Manager,
    now: str,
    shape: Shape,
    *,
    owns_status: bool,
) -> None:
    """Write into `new` the ownership that follows from changing `live` into it.

    `owns_status` is false where status has a subresource of its own and this is another path.
    """
    changes = compare(live or {}, new, shape, open_maps=True)
    gained = frozenset(changes.changed | changes.added)
    if not owns_status:
        gained = without_subtrees(gained, {("f:status",)})
    # An entry that owns nothing below these is not looked into: most writes touch one of many.
    touched = {path[0] for path in (*gained, *changes.removed)}
    entries, own = [], None
    for entry in _entries_before(live, new):
        if _identity(entry) == actor:
            own = entry
        elif not touched.isdisjoint(entry.get("fieldsV1") or ()):
            entries += _reduced(entry, changes.removed, gained)
        else:
            entries.append(entry)
    entries += _extended(own, actor, now, changes.removed, gained)
    _put(new, sorted(entries, key=_place))


def record_creation(obj: Obj, actor: Manager, now: str, shape: Shape, *, owns_status: bool) -> None:
    """Write into a new object that its creator owns all that it said."""
    if (obj.get("metadata") or {}).get("managedFields"):
        record_update(None, obj, actor, now, shape, owns_status=owns_status)
        return
    fields = fields_of(obj, shape)
    if not owns_status:
        fields.pop("f:status", None)
    _put(obj, [_told(actor, now, fields)] if fields else [])


def _reduced(entry: Obj, removed: set[Path], gained: FieldSet) -> list[Obj]:
    """Another manager's entry, without what is gone or was taken over."""
    fields = from_fields_v1(entry["fieldsV1"])
    left = without_subtrees(fields, removed) - gained
    if left == fields:
        return [entry]
    return [{**entry, "fieldsV1": to_fields_v1(left)}] if left else []


def _extended(
    own: Obj | None, actor: Manager, now: str, removed: set[Path], gained: FieldSet
) -> list[Obj]:
    """The writer's entry, with what it has gained."""
    old = EMPTY if own is None else from_fields_v1(own.get("fieldsV1") or {})
    fields = without_subtrees(old, removed) | gained
    if own is not None and fields == old:
        return [{**own, "time": now} if gained else own]
    return [_entry(actor, Ownership(fields, now))] if fields else []


def _identity(entry: Obj) -> Manager:
    return Manager(
        entry.get("manager", ""),
        entry["operation"],
        entry.get("apiVersion", ""),
        entry.get("subresource", ""),
    )


def _place(entry: Obj) -> tuple[str, str, str]:
    """Applied entries first, then by time."""
    return entry["operation"], entry.get("time", ""), entry.get("manager", "")


def write(obj: Obj, managers: Managers) -> None:
    """Put the managers into an object."""
    _put(obj, encode(managers))


def _put(obj: Obj, entries: list[Obj]) -> None:
    if entries:
        obj["metadata"]["managedFields"] = entries
    else:
        obj["metadata"].pop("managedFields", None)


def check_apply_body(obj: Obj) -> None:
    """An applied configuration may not bring its own ownership."""
    if (obj.get("metadata") or {}).get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
