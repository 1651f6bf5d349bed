"""POST, PUT, PATCH and DELETE: from a request to a verb, and back."""

from aiohttp import web

from deploy.sandbox.kubernetes.access.reviews import review, who_am_i
from deploy.sandbox.kubernetes.access.users import User
from deploy.sandbox.kubernetes.core.errors import (
    bad_request,
    method_not_allowed,
    no_such_path,
    unsupported_media_type,
)
from deploy.sandbox.kubernetes.core.objects import Obj, name_of
from deploy.sandbox.kubernetes.server.bodies import (
    check_force,
    dry_run_of,
    is_true,
    media_type,
    parse_object,
    parse_value,
    read_body,
    read_object,
    read_options,
    write_options,
)
from deploy.sandbox.kubernetes.server.reading import filter_of
from deploy.sandbox.kubernetes.server.responses import json_of, list_of, stored_object
from deploy.sandbox.kubernetes.verbs.create import create
from deploy.sandbox.kubernetes.verbs.delete import DeleteOptions, delete, delete_options
from deploy.sandbox.kubernetes.verbs.listing import Page
from deploy.sandbox.kubernetes.verbs.patch import (
    APPLY,
    JSON,
    MERGE,
    STRATEGIC,
    apply_object,
    patch_object,
    patched,
)
from deploy.sandbox.kubernetes.verbs.requests import Machinery, Target
from deploy.sandbox.kubernetes.verbs.scale import scale_of, write_scale
from deploy.sandbox.kubernetes.verbs.update import replace

_REVIEWS = "authorization.k8s.io"


async def post(
    machinery: Machinery, target: Target, request: web.BaseRequest, user: User
) -> web.Response:
    """Create an object, answer a review, or evict a pod."""
    body = await read_object(request)
    if target.subresource == "eviction":
        return _evict(machinery, target, body)
    if target.type.group == _REVIEWS:
        kind = target.type.kind
        return json_of(review(machinery.rbac, kind, body, user, target.namespace), 201)
    if target.type.kind == "SelfSubjectReview" and not target.type.custom:
        return json_of(who_am_i(user), 201)
    if target.name:
        raise method_not_allowed()
    options = write_options(request, user, default_manager=True)
    return stored_object(target, create(machinery, target, body, options), 201)


def _evict(machinery: Machinery, target: Target, body: Obj) -> web.Response:
    if name_of(body) not in ("", target.name):
        raise bad_request("name in URL does not match name in Eviction object")
    options = delete_options(body.get("deleteOptions"), {}, dry_run=False)
    delete(machinery, Target(target.type, target.version, target.namespace, target.name), options)
    return json_of({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}, 201)


async def put(
    machinery: Machinery, target: Target, request: web.BaseRequest, user: User
) -> web.Response:
    """Replace an object or what a subresource shows of it."""
    body = await read_object(request)
    options = write_options(request, user, default_manager=True)
    if target.subresource == "scale":
        stored = write_scale(machinery, target, body, options)
        return json_of(scale_of(target, stored.obj))
    return stored_object(target, replace(machinery, target, body, options))


async def patch(
    machinery: Machinery, target: Target, request: web.BaseRequest, user: User
) -> web.Response:
    """Patch by the content type that the client chose."""
    kind = media_type(request)
    # Its merge keys are known of built-in types only, here as on the real server.
    accepted = (JSON, MERGE, APPLY) if target.type.custom else (JSON, MERGE, STRATEGIC, APPLY)
    if kind not in accepted:
        raise unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: "
            + ", ".join(accepted)
        )
    raw = await read_body(request)
    options = write_options(request, user, default_manager=kind != APPLY)
    if kind != APPLY:
        check_force(request)
    if target.subresource == "scale":
        if kind == APPLY:
            raise unsupported_media_type("the scale subresource takes merge and JSON patches")
        scale = scale_of(target, machinery.existing(target).obj)
        changed = patched(kind, scale, parse_value(raw))
        stored = write_scale(machinery, target, changed, options)
        return json_of(scale_of(target, stored.obj))
    if kind == APPLY:
        force = is_true(request.query.get("force", ""))
        config = parse_object(raw)
        applied, created = apply_object(machinery, target, config, options, force=force)
        return stored_object(target, applied, 201 if created else 200)
    return stored_object(target, patch_object(machinery, target, kind, parse_value(raw), options))


async def remove(machinery: Machinery, target: Target, request: web.BaseRequest) -> web.Response:
    """Delete one object, or everything that a selector names."""
    if target.subresource:
        raise no_such_path()
    body = await read_options(request)
    options = delete_options(body, dict(request.query), dry_run=dry_run_of(request))
    if target.name:
        return json_of(delete(machinery, target, options))
    return _remove_all(machinery, target, request, options)


def _remove_all(
    machinery: Machinery, target: Target, request: web.BaseRequest, options: DeleteOptions
) -> web.Response:
    wanted = filter_of(target, request)
    found = list(machinery.store.select(target.resource, target.namespace, wanted))
    for stored in found:
        metadata = stored.obj["metadata"]
        place = Target(target.type, target.version, metadata.get("namespace", ""), metadata["name"])
        delete(machinery, place, options)
    return list_of(target, Page(found, machinery.store.revision))
