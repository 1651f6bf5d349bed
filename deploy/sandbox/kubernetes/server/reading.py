"""GET: one object, a list, a watch, a scale."""

import random

from aiohttp import web

from deploy.sandbox.kubernetes.core.errors import bad_request, method_not_allowed
from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.core.selectors import Filter, parse_fields, parse_labels
from deploy.sandbox.kubernetes.server.bodies import is_true
from deploy.sandbox.kubernetes.server.responses import (
    json_of,
    list_metadata,
    list_of,
    stored_object,
)
from deploy.sandbox.kubernetes.server.tables import table, wants_table
from deploy.sandbox.kubernetes.server.watching import Watches, WatchQuery
from deploy.sandbox.kubernetes.storage.records import Stored
from deploy.sandbox.kubernetes.verbs.listing import ListQuery, list_page
from deploy.sandbox.kubernetes.verbs.requests import Machinery, Target, in_version
from deploy.sandbox.kubernetes.verbs.scale import scale_of


def get(machinery: Machinery, target: Target, request: web.BaseRequest) -> web.Response:
    """One object, or its scale."""
    if target.subresource not in ("", "status", "scale"):
        raise method_not_allowed()
    found = machinery.existing(target)
    if target.subresource == "scale":
        return json_of(scale_of(target, found.obj))
    if wants_table(target.type.kind, request):
        metadata: Obj = {"resourceVersion": found.obj["metadata"]["resourceVersion"]}
        return _table(machinery, target, request, [found], metadata)
    return stored_object(target, found)


def list_objects(machinery: Machinery, target: Target, request: web.BaseRequest) -> web.Response:
    """A list, or a page of it."""
    query = request.query
    asked = ListQuery(
        filter_of(target, request),
        max(_number(query.get("limit", ""), "limit"), 0),
        query.get("continue", ""),
        query.get("resourceVersion", ""),
        query.get("resourceVersionMatch", ""),
    )
    page = list_page(machinery.store, target, asked)
    if wants_table(target.type.kind, request):
        return _table(machinery, target, request, page.items, list_metadata(page))
    return list_of(target, page)


def _table(
    machinery: Machinery,
    target: Target,
    request: web.BaseRequest,
    found: list[Stored],
    metadata: Obj,
) -> web.Response:
    objects = (in_version(target, stored.obj) for stored in found)
    whole = request.query.get("includeObject") == "Object"
    now = machinery.clock.now()
    return json_of(table(target.type.kind, objects, metadata, now, whole=whole))


async def watch(watches: Watches, target: Target, request: web.BaseRequest) -> web.StreamResponse:
    """A stream of changes."""
    query = request.query
    seconds = _number(query.get("timeoutSeconds", ""), "timeoutSeconds")
    initial = query.get("sendInitialEvents")
    asked = WatchQuery(
        filter_of(target, request),
        query.get("resourceVersion", ""),
        query.get("resourceVersionMatch", ""),
        is_true(query.get("allowWatchBookmarks", "")),
        # Like the real server: spread, so that readers do not all come back at once.
        float(seconds) or random.uniform(1800, 3600),  # noqa: S311 - no secret
        None if initial is None else is_true(initial),
    )
    return await watches.serve(request, target, asked)


def filter_of(target: Target, request: web.BaseRequest) -> Filter:
    """The selectors of a request; a name in the path is one of them."""
    labels = parse_labels(request.query.get("labelSelector", ""))
    text = request.query.get("fieldSelector", "")
    if target.name:
        text = f"{text},metadata.name={target.name}" if text else f"metadata.name={target.name}"
    return Filter(labels, parse_fields(text, target.type.plural))


def selected_name(request: web.BaseRequest, verb: str, plural: str) -> str:
    """The one name that a list or watch asks for: access to it is judged as to that object."""
    text = request.query.get("fieldSelector", "")
    if not text or verb not in ("list", "watch"):
        return ""
    return Filter((), parse_fields(text, plural)).exact_name() or ""


def _number(text: str, name: str) -> int:
    if not text:
        return 0
    if not text.removeprefix("-").isdigit():
        raise bad_request(f"{name} must be a number, not {text!r}")
    return int(text)
