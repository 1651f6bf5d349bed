"""Changing objects: one path for replace, patch, apply and the controllers."""

from typing import Any

import orjson

from deploy.sandbox.kubernetes.core.causes import invalid as invalid_value
from deploy.sandbox.kubernetes.core.errors import bad_request, conflict, invalid
from deploy.sandbox.kubernetes.core.objects import (
    Obj,
    finalizers_of,
    is_deleting,
    meta,
    name_of,
    uid_of,
    without_nulls,
)
from deploy.sandbox.kubernetes.fields.managers import (
    UPDATE,
    Manager,
    Managers,
    record_update,
    write,
)
from deploy.sandbox.kubernetes.fields.shapes import shape_of
from deploy.sandbox.kubernetes.storage.records import Stored
from deploy.sandbox.kubernetes.verbs.prepare import check_body, check_name, normalised, validate
from deploy.sandbox.kubernetes.verbs.requests import Machinery, Target, WriteOptions

_KEPT_METADATA = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "generateName",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
)


def replace(machinery: Machinery, target: Target, body: Obj, options: WriteOptions) -> Stored:
    """PUT: the body is the whole object."""
    old = machinery.existing(target)
    if not name_of(body):
        why = "name must be provided"
        raise bad_request(f"the name of the object (based on URL) was undeterminable: {why}")
    uid = meta(body).get("uid")
    if uid and uid != uid_of(old.obj):
        raise conflict(target.resource, target.name, uid_mismatch(uid, uid_of(old.obj)))
    if target.type.custom and not meta(body).get("resourceVersion"):
        cause = invalid_value("metadata.resourceVersion", 0, "must be specified for an update")
        raise invalid(target.type.kind, target.type.group, target.name, [cause])
    return update(machinery, target, old, body, options)


def update(
    machinery: Machinery,
    target: Target,
    old: Stored,
    body: Obj,
    options: WriteOptions,
    applied: Managers | None = None,
) -> Stored:
    """Make `body` the object's next version; unchanged content keeps its resourceVersion.

    `applied` is the ownership that server-side apply worked out; without it the caller's changes
    are recorded as an update.
    """
    check_body(target, body)
    check_name(target, body)
    check_preconditions(target, old, body)
    new = _isolated(target, old, body)
    _keep_metadata(old.obj, new)
    if _is_report(target):
        # All else is as it was stored, and so as it should be.
        _carry(without_nulls({"status": new.get("status")}), new, "status")
    else:
        new = normalised(target, new)
        if _spec_changed(target, old.obj, new):
            new["metadata"]["generation"] = old.obj["metadata"].get("generation", 0) + 1
        validate(target, new, old.obj)
    if applied is not None:
        write(new, applied)
    else:
        _record(machinery, target, old.obj, new, options)
    machinery.admission.refuse(target.resource, target.namespace, new, old.obj, options.user)
    return _commit(machinery, target, old, new, options)


def _commit(
    machinery: Machinery, target: Target, old: Stored, new: Obj, options: WriteOptions
) -> Stored:
    new["apiVersion"] = target.storage_api_version
    new["metadata"]["resourceVersion"] = str(old.revision)
    if new == old.obj:
        return old
    if options.dry_run:
        return Stored(new, orjson.dumps(new), old.revision)
    if is_finished(target.resource, new):
        return machinery.store.remove(target.key, new)
    return machinery.store.put(target.key, new)


def _is_report(target: Target) -> bool:
    return target.subresource == "status" and not target.type.custom


def is_finished(resource: str, obj: Obj) -> bool:
    """Whether nothing holds a deleted object any more."""
    held = (
        finalizers_of(obj)
        or obj["metadata"].get("deletionGracePeriodSeconds")
        or (resource == "namespaces" and obj["spec"].get("finalizers"))
    )
    return is_deleting(obj) and not held


def check_preconditions(target: Target, old: Stored, body: Obj) -> None:
    """A version or uid in the body must be the object's own."""
    metadata = meta(body)
    version = metadata.get("resourceVersion")
    if version and version != str(old.revision):
        raise conflict(target.resource, target.name)
    uid = metadata.get("uid")
    if uid and uid != uid_of(old.obj):
        cause = invalid_value("metadata.uid", uid, "field is immutable")
        raise invalid(target.type.kind, target.type.group, target.name, [cause])


def uid_mismatch(wanted: str, found: str) -> str:
    """The text of a failed uid precondition."""
    return f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}"


def _isolated(target: Target, old: Stored, body: Obj) -> Obj:
    """The old object with what this path may change taken from the body."""
    part = {"status": "status", "finalize": "spec"}.get(target.subresource)
    if part is None:
        if target.version.status:
            _carry(old.obj, body, "status")
        if target.resource == "namespaces":
            # Its finalizers are changed through `finalize` only.
            _carry(old.obj, body, "spec")
        return body
    # Nothing below the top is changed in place from here on but what is carried over.
    new = {**old.obj, "apiVersion": target.api_version, "metadata": dict(old.obj["metadata"])}
    _carry(body, new, part)
    return new


def _carry(source: Obj, into: Obj, field: str) -> None:
    if field in source:
        into[field] = source[field]
    else:
        into.pop(field, None)


def _keep_metadata(old: Obj, new: Obj) -> None:
    for field in _KEPT_METADATA:
        _carry(old["metadata"], new["metadata"], field)
    for field in ("finalizers", "ownerReferences", "labels", "annotations"):
        if not new["metadata"].get(field):
            new["metadata"].pop(field, None)


def _spec_changed(target: Target, old: Obj, new: Obj) -> bool:
    if not target.type.generation or target.subresource == "status":
        return False
    return _content(target, old) != _content(target, new)


def _content(target: Target, obj: Obj) -> dict[str, Any]:
    ignored = {"apiVersion", "kind", "metadata"} | ({"status"} if target.version.status else set())
    return {key: value for key, value in obj.items() if key not in ignored}


def _record(
    machinery: Machinery, target: Target, old: Obj, new: Obj, options: WriteOptions
) -> None:
    own = target.subresource if target.subresource in ("status", "scale") else ""
    actor = Manager(options.manager, UPDATE, target.api_version, own)
    record_update(
        old,
        new,
        actor,
        machinery.clock.timestamp(),
        shape_of(target.type, target.version),
        owns_status=own == "status" or not target.version.status,
    )
