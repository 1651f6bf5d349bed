"""`metadata.managedFields`: who owns what, and how an update changes it."""

from dataclasses import dataclass, replace

from deploy.sandbox.kubernetes.core.errors import bad_request
from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.fields.compare import compare
from deploy.sandbox.kubernetes.fields.paths import (
    EMPTY,
    FieldSet,
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
        identity = Manager(
            entry.get("manager", ""),
            entry["operation"],
            entry.get("apiVersion", ""),
            entry.get("subresource", ""),
        )
        fields = from_fields_v1(entry.get("fieldsV1") or {})
        managers[identity] = Ownership(fields, entry.get("time", ""))
    return managers


def encode(managers: Managers) -> list[Obj]:
    """The list, applied entries first, then by time."""
    ordered = sorted(
        managers.items(), key=lambda pair: (pair[0].operation, pair[1].time, pair[0].name)
    )
    return [_entry(identity, owned) for identity, owned in ordered if owned.fields]


def _entry(identity: Manager, owned: Ownership) -> Obj:
    entry: Obj = {
        "manager": identity.name,
        "operation": identity.operation,
        "apiVersion": identity.api_version,
        "time": owned.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": to_fields_v1(owned.fields),
    }
    if identity.subresource:
        entry["subresource"] = identity.subresource
    return entry


def base_for(live: Obj | None, new: Obj) -> Managers:
    """The managers that a write starts from: those it sent, if they are sound, else the live ones.

    A client that knows nothing of the field must not lose it; a list of one empty entry resets it.
    """
    sent = (new.get("metadata") or {}).get("managedFields")
    kept = (live or {}).get("metadata", {}).get("managedFields") or []
    if sent == [{}]:
        return {}
    if not sent or sent == kept:
        return decode(kept)
    try:
        return decode(sent)
    except (ValueError, KeyError, AttributeError, TypeError):
        return decode(kept)


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
    managers = base_for(live, new)
    changes = compare(live or {}, new, shape, open_maps=True)
    gained = frozenset(changes.changed | changes.added)
    if not owns_status:
        gained = without_subtrees(gained, {("f:status",)})
    for identity, owned in list(managers.items()):
        if identity != actor:
            left = without_subtrees(owned.fields, changes.removed) - gained
            managers[identity] = replace(owned, fields=left)
    old = managers.get(actor, Ownership(EMPTY, now))
    fields = without_subtrees(old.fields, changes.removed) | gained
    moved = fields != old.fields or bool(gained)
    managers[actor] = Ownership(fields, now if moved else old.time)
    write(new, managers)


def write(obj: Obj, managers: Managers) -> None:
    """Put the managers into an object."""
    entries = encode(managers)
    if entries:
        obj["metadata"]["managedFields"] = entries
    else:
        obj["metadata"].pop("managedFields", None)


def check_apply_body(obj: Obj) -> None:
    """An applied configuration may not bring its own ownership."""
    if (obj.get("metadata") or {}).get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
