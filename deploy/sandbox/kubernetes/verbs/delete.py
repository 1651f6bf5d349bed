"""Deleting objects: preconditions, grace, finalizers, propagation."""

from dataclasses import dataclass
from typing import Any

import orjson

from deploy.sandbox.kubernetes.admission.namespaces import check_namespace_deletion
from deploy.sandbox.kubernetes.core.causes import invalid as invalid_value
from deploy.sandbox.kubernetes.core.causes import unsupported
from deploy.sandbox.kubernetes.core.errors import bad_request, conflict, invalid_options
from deploy.sandbox.kubernetes.core.objects import Obj, dig, is_deleting, name_of, uid_of
from deploy.sandbox.kubernetes.storage.records import Stored
from deploy.sandbox.kubernetes.verbs.requests import Machinery, Target
from deploy.sandbox.kubernetes.verbs.update import is_finished, uid_mismatch

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
_POLICIES = ("Background", "Foreground", "Orphan")
# Of these the real server answers with the deleted object instead of a Status.
_RETURNED = frozenset({"pods", "serviceaccounts", "persistentvolumeclaims", "resourcequotas"})


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete; None leaves a choice to the server."""

    policy: str | None = None
    grace_seconds: int | None = None
    uid: str | None = None
    resource_version: str | None = None
    dry_run: bool = False


def delete_options(body: Any, query: Obj, *, dry_run: bool) -> DeleteOptions:
    """Read the options from the body, else from the query."""
    given = body if isinstance(body, dict) else {}
    grace = given.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
    policy = given.get("propagationPolicy", query.get("propagationPolicy"))
    if policy is not None and given.get("orphanDependents") is not None:
        why = "orphanDependents and deletionPropagation cannot be both set"
        raise invalid_options("DeleteOptions", [invalid_value("propagationPolicy", policy, why)])
    if policy is None and str(given.get("orphanDependents", "")).lower() == "true":
        policy = "Orphan"
    if policy is not None and policy not in _POLICIES:
        cause = unsupported("propagationPolicy", policy, [*_POLICIES, "nil"])
        raise invalid_options("DeleteOptions", [cause])
    try:
        seconds = None if grace is None else int(grace)
    except (TypeError, ValueError) as error:
        raise bad_request("gracePeriodSeconds must be a number") from error
    if seconds is not None and seconds < 0:
        seconds = 1
    preconditions = given.get("preconditions") or {}
    return DeleteOptions(
        policy,
        seconds,
        preconditions.get("uid"),
        preconditions.get("resourceVersion"),
        dry_run or bool(given.get("dryRun")),
    )


def delete(machinery: Machinery, target: Target, options: DeleteOptions) -> Obj:
    """Delete an object, or mark it for deletion; returns what the server answers."""
    found = machinery.existing(target)
    _check_preconditions(target, found, options)
    if target.resource == "namespaces":
        check_namespace_deletion(target.name)
    marked = _marked(machinery, target, found, options)
    if is_finished(target.resource, marked):
        if not options.dry_run:
            machinery.store.remove(target.key)
        return found.obj if target.resource in _RETURNED else _success(target, found.obj)
    if options.dry_run or marked == found.obj:
        return marked
    return machinery.store.put(target.key, marked).obj


def _check_preconditions(target: Target, found: Stored, options: DeleteOptions) -> None:
    uid = uid_of(found.obj)
    if options.uid and options.uid != uid:
        raise conflict(target.resource, target.name, uid_mismatch(options.uid, uid))
    wanted = options.resource_version
    if wanted and wanted != str(found.revision):
        why = (
            f"Precondition failed: ResourceVersion in precondition: {wanted}, "
            f"ResourceVersion in object meta: {found.revision}"
        )
        raise conflict(target.resource, target.name, why)


def _marked(machinery: Machinery, target: Target, found: Stored, options: DeleteOptions) -> Obj:
    """The object as it stands once the deletion is asked for."""
    obj: Obj = orjson.loads(found.raw)
    metadata = obj["metadata"]
    grace = _grace(target.resource, obj, options.grace_seconds)
    if not is_deleting(obj):
        metadata["deletionTimestamp"] = machinery.clock.timestamp()
        metadata["deletionGracePeriodSeconds"] = grace
        if "generation" in metadata:
            metadata["generation"] += 1
    else:
        before = metadata.get("deletionGracePeriodSeconds", 0)
        metadata["deletionGracePeriodSeconds"] = min(before, grace)
    _mark_dependents(obj, options.policy)
    if target.resource == "namespaces":
        obj["status"] = {**obj.get("status", {}), "phase": "Terminating"}
    return obj


def _mark_dependents(obj: Obj, policy: str | None) -> None:
    """What propagation asks of the collector stands as a finalizer."""
    if policy is None:
        return
    metadata = obj["metadata"]
    kept = [item for item in metadata.get("finalizers") or [] if item not in (FOREGROUND, ORPHAN)]
    wanted = {"Foreground": [FOREGROUND], "Orphan": [ORPHAN]}.get(policy, [])
    if kept or wanted:
        metadata["finalizers"] = kept + wanted
    else:
        metadata.pop("finalizers", None)


def _grace(resource: str, obj: Obj, asked: int | None) -> int:
    """Seconds that a deletion waits; only running pods are given any."""
    running = resource == "pods" and obj["spec"].get("nodeName")
    if not running or dig(obj, "status", "phase") in ("Succeeded", "Failed"):
        return 0
    own: int = obj["spec"].get("terminationGracePeriodSeconds", 30)
    return own if asked is None else asked


def _success(target: Target, obj: Obj) -> Obj:
    details = {"name": name_of(obj), "kind": target.type.plural, "uid": uid_of(obj)}
    if target.type.group:
        details["group"] = target.type.group
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details,
    }
