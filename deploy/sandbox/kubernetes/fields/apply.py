"""Server-side apply: merge a configuration into the live object, by ownership.

Three steps: merge, refuse conflicts (or take the fields over), then prune what this manager owned
and no longer applies, unless somebody else owns it too.
"""

from dataclasses import dataclass, replace
from typing import Any

from deploy.sandbox.kubernetes.core.causes import Cause
from deploy.sandbox.kubernetes.core.errors import ApiError, apply_conflict
from deploy.sandbox.kubernetes.core.objects import Obj, copy_of
from deploy.sandbox.kubernetes.fields.compare import Changes, compare
from deploy.sandbox.kubernetes.fields.managers import Manager, Managers, Ownership, decode
from deploy.sandbox.kubernetes.fields.paths import (
    FieldSet,
    keyed_items,
    owned_paths,
    shown,
    without_subtrees,
)
from deploy.sandbox.kubernetes.fields.prune import prune
from deploy.sandbox.kubernetes.fields.shapes import Shape


@dataclass(frozen=True, slots=True)
class Applied:
    """The object after an apply, and who owns it now."""

    obj: Obj
    managers: Managers


def apply(
    live: Obj, config: Obj, actor: Manager, now: str, shape: Shape, *, force: bool, under: str = ""
) -> Applied:
    """Merge a configuration; raises a Conflict unless `force`.

    `under` limits what is owned to one field (`status`), for the subresource of that name; without
    it the caller has already taken out a status that may not be there.
    """
    managers = decode(live.get("metadata", {}).get("managedFields") or [])
    applied = owned_paths(config, shape)
    if under:
        applied = frozenset(path for path in applied if path[0] == f"f:{under}")
    merged: Obj = merge(live, config, shape)
    changes = compare(live, merged, shape)
    lost = _conflicts(managers, actor, changes)
    if lost and not force:
        raise _conflict_error(lost)
    last = managers.get(actor, Ownership(frozenset(), now))
    for identity, owned in list(managers.items()):
        if identity != actor:
            managers[identity] = replace(
                owned, fields=owned.fields - lost.get(identity, frozenset())
            )
    time = last.time if last.fields == applied else now
    managers[actor] = Ownership(applied, time)
    gone = prune(merged, last.fields, [owned.fields for owned in managers.values()], shape)
    for identity, owned in list(managers.items()):
        managers[identity] = replace(owned, fields=without_subtrees(owned.fields, gone))
    return Applied(merged, managers)


def merge(live: Any, config: Any, shape: Shape, *, top: bool = True) -> Any:
    """The live value with the configuration laid over it; shares nothing with the configuration."""
    if isinstance(live, dict) and isinstance(config, dict) and (top or not shape.atomic_map):
        merged = dict(live)
        for key, value in config.items():
            merged[key] = merge(live.get(key), value, shape.field(key), top=False)
        return merged
    if isinstance(live, list) and isinstance(config, list):
        old, new = keyed_items(live, shape), keyed_items(config, shape)
        if old is not None and new is not None:
            item = shape.item()
            kept = [merge(v, new[k], item, top=False) if k in new else v for k, v in old.items()]
            return kept + [copy_of({"v": v})["v"] for k, v in new.items() if k not in old]
    return copy_of({"v": config})["v"]


def _conflicts(managers: Managers, actor: Manager, changes: Changes) -> dict[Manager, FieldSet]:
    touched = changes.changed | changes.added
    found = {
        identity: owned.fields & touched
        for identity, owned in managers.items()
        if identity != actor
    }
    return {identity: fields for identity, fields in found.items() if fields}


def _conflict_error(lost: dict[Manager, FieldSet]) -> ApiError:
    causes: list[Cause] = []
    texts: list[str] = []
    for identity, fields in sorted(lost.items(), key=lambda pair: pair[0].shown()):
        names = sorted(map(shown, fields))
        message = f"conflict with {identity.shown()}"
        causes += [Cause("FieldManagerConflict", message, name) for name in names]
        if len(names) == 1:
            texts.append(f"{message}: {names[0]}")
        else:
            listed = "".join(f"\n- {name}" for name in names)
            texts.append(f"conflicts with {identity.shown()}:{listed}")
    count = len(causes)
    plural = "conflict" if count == 1 else "conflicts"
    return apply_conflict(causes, f"Apply failed with {count} {plural}: " + "\n".join(texts))
