"""Steps that creations and updates share: reading the body, defaults, validation."""

from collections.abc import Iterator

from deploy.sandbox.kubernetes.core.causes import Cause, forbidden
from deploy.sandbox.kubernetes.core.errors import bad_request, invalid
from deploy.sandbox.kubernetes.core.names import check_finalizers, check_metadata
from deploy.sandbox.kubernetes.core.objects import (
    Obj,
    finalizers_of,
    is_deleting,
    meta,
    name_of,
    without_nulls,
)
from deploy.sandbox.kubernetes.kinds.catalog import rules_of
from deploy.sandbox.kubernetes.resources.schema import default, prune
from deploy.sandbox.kubernetes.resources.schema_check import check
from deploy.sandbox.kubernetes.verbs.requests import Target

# Its own finalizer has a bare name, against the rule that the real server has for all others.
_DEFINITIONS = "apiextensions.k8s.io"


def check_body(target: Target, body: Obj) -> None:
    """The body must be of the type and in the namespace that the path names."""
    if not isinstance(body.setdefault("metadata", {}), dict):
        raise bad_request("metadata must be an object")
    if body.get("kind", target.type.kind) != target.type.kind:
        raise bad_request(
            f"the kind in the data ({body['kind']}) does not match the expected kind "
            f"({target.type.kind})"
        )
    if body.get("apiVersion", target.api_version) != target.api_version:
        raise bad_request(
            f"the API version in the data ({body['apiVersion']}) does not match the expected API "
            f"version ({target.api_version})"
        )
    given = body["metadata"].get("namespace")
    if given and given != target.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    body["kind"], body["apiVersion"] = target.type.kind, target.api_version


def check_name(target: Target, body: Obj) -> None:
    """An update's body may not name another object."""
    name = name_of(body)
    if name and name != target.name:
        raise bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({target.name})"
        )


def normalised(target: Target, obj: Obj) -> Obj:
    """The object with nulls and unknown fields dropped and defaults filled in."""
    if not target.type.custom:
        clean: Obj = without_nulls(obj)
        rules_of(target.resource).default(clean)
        return clean
    obj["metadata"] = without_nulls(obj["metadata"])
    schema = target.version.schema or {}
    prune(obj, schema)
    default(obj, schema)
    return obj


def validate(target: Target, obj: Obj, old: Obj | None) -> None:
    """Raise Invalid with every cause."""
    causes = list(_causes(target, obj, old))
    if causes:
        raise invalid(target.type.kind, target.type.group, name_of(obj), causes)


def _causes(target: Target, obj: Obj, old: Obj | None) -> Iterator[Cause]:
    yield from check_metadata(meta(obj), target.type.name_style)
    if target.type.custom:
        yield from check(obj, target.version.schema or {})
    elif target.type.group != _DEFINITIONS:
        yield from check_finalizers(finalizers_of(obj))
    rules = rules_of(target.resource)
    if target.subresource != "status":
        yield from rules.validate(obj)
    if old is None:
        return
    if target.subresource == "":
        yield from rules.validate_update(obj, old)
    added = set(finalizers_of(obj)) - set(finalizers_of(old))
    if is_deleting(old) and added:
        why = f"no new finalizers can be added if the object is being deleted, found new: {added}"
        yield forbidden("metadata.finalizers", why)
