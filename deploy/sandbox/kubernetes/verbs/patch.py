"""Patching objects: merge patch, JSON patch, strategic merge patch, server-side apply."""

from typing import Any

import orjson

from deploy.sandbox.kubernetes.core.causes import required
from deploy.sandbox.kubernetes.core.errors import bad_request, conflict, invalid_options
from deploy.sandbox.kubernetes.core.objects import Obj, meta, uid_of, without_nulls
from deploy.sandbox.kubernetes.fields.apply import apply
from deploy.sandbox.kubernetes.fields.managers import APPLY as APPLIED
from deploy.sandbox.kubernetes.fields.managers import Manager, Ownership, check_apply_body
from deploy.sandbox.kubernetes.fields.paths import owned_paths
from deploy.sandbox.kubernetes.fields.shapes import Shape, shape_of
from deploy.sandbox.kubernetes.patches.json_patch import json_patch
from deploy.sandbox.kubernetes.patches.merge_patch import merge_patch
from deploy.sandbox.kubernetes.patches.strategic import strategic_patch
from deploy.sandbox.kubernetes.resources.schema import prune
from deploy.sandbox.kubernetes.storage.records import Stored
from deploy.sandbox.kubernetes.verbs.create import create
from deploy.sandbox.kubernetes.verbs.prepare import check_body, check_name
from deploy.sandbox.kubernetes.verbs.requests import Machinery, Target, WriteOptions
from deploy.sandbox.kubernetes.verbs.update import check_preconditions, update

MERGE = "application/merge-patch+json"
JSON = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


def patched(media_type: str, document: Obj, patch: Any) -> Obj:
    """The document, changed in place where possible, after a patch of that type."""
    if media_type != JSON and not isinstance(patch, dict):
        raise bad_request("a merge patch must be an object")
    result: Any = _changed(media_type, document, patch)
    if not isinstance(result, dict) or not isinstance(result.get("metadata"), dict):
        raise bad_request("the patched object lacks its metadata")
    return result


def _changed(media_type: str, document: Obj, patch: Any) -> Any:
    if media_type == MERGE:
        return merge_patch(document, patch)
    if media_type == STRATEGIC:
        return strategic_patch(document.get("kind", ""), document, patch)
    return json_patch(document, patch)


def patch_object(
    machinery: Machinery, target: Target, media_type: str, patch: Any, options: WriteOptions
) -> Stored:
    """Lay a patch of any type but apply over the object or its subresource."""
    old = machinery.existing(target)
    document: Obj = orjson.loads(old.raw)
    document["apiVersion"] = target.api_version
    return update(machinery, target, old, patched(media_type, document, patch), options)


def apply_object(
    machinery: Machinery, target: Target, config: Obj, options: WriteOptions, *, force: bool
) -> tuple[Stored, bool]:
    """Server-side apply; returns the object and whether it was created."""
    if not options.manager:
        cause = required("fieldManager", "is required for apply patch")
        raise invalid_options("PatchOptions", [cause])
    if not config.get("apiVersion") or not config.get("kind"):
        raise bad_request(
            f"invalid object type: {config.get('apiVersion') or '/'}, Kind={config.get('kind', '')}"
        )
    check_body(target, config)
    check_name(target, config)
    check_apply_body(config)
    meta(config)["name"] = target.name
    config = _cleaned(target, config)
    shape = shape_of(target.type, target.version)
    live = machinery.store.get(target.key)
    if live is None:
        return _create(machinery, target, config, options, shape), True
    return _update(machinery, target, live, config, options, shape, force=force), False


def _cleaned(target: Target, config: Obj) -> Obj:
    clean: Obj = without_nulls(config)
    if target.type.custom:
        prune(clean, target.version.schema or {})
    if target.version.status and target.subresource != "status":
        clean.pop("status", None)
    return clean


def _actor(target: Target, options: WriteOptions) -> Manager:
    own = target.subresource if target.subresource == "status" else ""
    return Manager(options.manager, APPLIED, target.api_version, own)


def _create(
    machinery: Machinery, target: Target, config: Obj, options: WriteOptions, shape: Shape
) -> Stored:
    if target.subresource:
        machinery.existing(target)
    if uid := uid_of(config):
        why = (
            f"uid mismatch: the provided object specified uid {uid}, "
            "and no existing object was found"
        )
        raise conflict(target.resource, target.name, why)
    # A version is no precondition where nothing stands: the real server makes the object, too.
    meta(config).pop("resourceVersion", None)
    fields = owned_paths(config, shape)
    owned = Ownership(fields, machinery.clock.timestamp())
    return create(machinery, target, config, options, {_actor(target, options): owned})


def _update(
    machinery: Machinery,
    target: Target,
    live: Stored,
    config: Obj,
    options: WriteOptions,
    shape: Shape,
    *,
    force: bool,
) -> Stored:
    metadata = meta(config)
    check_preconditions(target, live, config)
    for field in ("uid", "resourceVersion"):
        metadata.pop(field, None)
    document: Obj = orjson.loads(live.raw)
    document["apiVersion"] = target.api_version
    under = "status" if target.subresource == "status" else ""
    now = machinery.clock.timestamp()
    actor = _actor(target, options)
    found = apply(document, config, actor, now, shape, force=force, under=under)
    return update(machinery, target, live, found.obj, options, found.managers)
