"""Creating objects."""

import orjson

from deploy.sandbox.kubernetes.core.errors import ApiError, already_exists
from deploy.sandbox.kubernetes.core.names import generated
from deploy.sandbox.kubernetes.core.objects import Obj, is_deleting, meta
from deploy.sandbox.kubernetes.fields.managers import (
    UPDATE,
    Manager,
    Managers,
    record_creation,
    write,
)
from deploy.sandbox.kubernetes.fields.shapes import shape_of
from deploy.sandbox.kubernetes.kinds.catalog import rules_of
from deploy.sandbox.kubernetes.storage.records import Key, Stored
from deploy.sandbox.kubernetes.verbs.prepare import check_body, normalised, validate
from deploy.sandbox.kubernetes.verbs.requests import Machinery, Target, WriteOptions

_SERVER_OWNED = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
)
_NAME_TRIES = 8


def create(
    machinery: Machinery,
    target: Target,
    body: Obj,
    options: WriteOptions,
    applied: Managers | None = None,
) -> Stored:
    """Create an object; `applied` is the ownership when server-side apply is what creates it."""
    check_body(target, body)
    if meta(body).get("resourceVersion"):
        # The real server means a bad request, and answers 500 without a reason.
        raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
    obj = _completed(machinery, target, body)
    validate(target, obj, None)
    _own(machinery, target, obj, options, applied)
    target = target.named(obj["metadata"].get("name", ""))
    machinery.admission.refuse(target.resource, target.namespace, obj, None, options.user)
    obj["apiVersion"] = target.storage_api_version
    present = machinery.store.get(target.key)
    if present is not None:
        raise _taken(target, present.obj)
    if options.dry_run:
        return Stored(obj, orjson.dumps(obj), 0)
    return machinery.store.put(target.key, obj)


def _taken(target: Target, present: Obj) -> ApiError:
    error = already_exists(target.resource, target.name)
    if is_deleting(present):
        error.message = f"object is being deleted: {error.message}"
    return error


def _completed(machinery: Machinery, target: Target, body: Obj) -> Obj:
    """The object with everything that the server gives it."""
    metadata = meta(body)
    for field in _SERVER_OWNED:
        metadata.pop(field, None)
    metadata.pop("resourceVersion", None)
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = _generated_name(machinery, target, metadata["generateName"])
    if target.namespace:
        metadata["namespace"] = target.namespace
    else:
        metadata.pop("namespace", None)
    metadata["uid"] = machinery.clock.uid()
    metadata["creationTimestamp"] = machinery.clock.timestamp()
    if target.type.generation:
        metadata["generation"] = 1
    if target.version.status:
        body.pop("status", None)
    obj = normalised(target, body)
    rules_of(target.resource).create(obj, machinery.clock)
    machinery.admission.complete(target.resource, target.namespace, obj)
    return obj


def _generated_name(machinery: Machinery, target: Target, base: str) -> str:
    for _ in range(_NAME_TRIES):
        name = generated(base, machinery.clock.suffix())
        if machinery.store.get(Key(target.resource, target.namespace, name)) is None:
            return name
    raise already_exists(target.resource, base)


def _own(
    machinery: Machinery,
    target: Target,
    obj: Obj,
    options: WriteOptions,
    applied: Managers | None,
) -> None:
    if applied is not None:
        write(obj, applied)
        return
    actor = Manager(options.manager, UPDATE, target.api_version)
    record_creation(
        obj,
        actor,
        machinery.clock.timestamp(),
        shape_of(target.type, target.version),
        owns_status=not target.version.status,
    )
