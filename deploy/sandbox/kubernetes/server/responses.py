"""Answers as JSON."""

from collections.abc import Iterable

import orjson
from aiohttp import web

from deploy.sandbox.kubernetes.core.errors import ApiError
from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.storage.records import Stored
from deploy.sandbox.kubernetes.verbs.listing import Page
from deploy.sandbox.kubernetes.verbs.requests import Target, in_version

_JSON = "application/json"


def raw_json(body: bytes, status: int = 200) -> web.Response:
    """Bytes that are JSON already."""
    return web.Response(body=body, status=status, content_type=_JSON)


def json_of(obj: Obj, status: int = 200) -> web.Response:
    """An object as JSON."""
    return raw_json(orjson.dumps(obj), status)


def stored_object(target: Target, stored: Stored, status: int = 200) -> web.Response:
    """A stored object in the version of the path."""
    return raw_json(versioned_bytes(target, stored), status)


def versioned_bytes(target: Target, stored: Stored) -> bytes:
    """An object's bytes in the version of the path; without a copy where it is the stored one."""
    if target.api_version == target.storage_api_version:
        return stored.raw
    return orjson.dumps(in_version(target, stored.obj))


def list_metadata(page: Page) -> Obj:
    """What a list says of itself."""
    metadata: Obj = {"resourceVersion": str(page.revision)}
    if page.token:
        metadata["continue"] = page.token
    if page.remaining is not None:
        metadata["remainingItemCount"] = page.remaining
    return metadata


def list_of(target: Target, page: Page) -> web.Response:
    """A list, put together from the bytes of its items."""
    items = (versioned_bytes(target, stored) for stored in page.items)
    return raw_json(_list_bytes(target, list_metadata(page), items))


def _list_bytes(target: Target, metadata: Obj, items: Iterable[bytes]) -> bytes:
    head = {"kind": target.type.list_kind, "apiVersion": target.api_version, "metadata": metadata}
    return orjson.dumps(head)[:-1] + b',"items":[' + b",".join(items) + b"]}"


def error_response(error: ApiError) -> web.Response:
    """A refusal as a Status."""
    response = json_of(error.status(), error.code)
    if error.retry_after:
        response.headers["Retry-After"] = str(error.retry_after)
    if error.code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
