"""Reading request bodies and the query parameters that every write shares."""

from collections.abc import Iterator
from typing import Any

import orjson
import yaml
from aiohttp import web

from deploy.sandbox.kubernetes.access.users import User
from deploy.sandbox.kubernetes.core.causes import Cause, forbidden, invalid, unsupported
from deploy.sandbox.kubernetes.core.errors import (
    ApiError,
    bad_request,
    invalid_options,
    unsupported_media_type,
)
from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.server.protobuf import parse_protobuf
from deploy.sandbox.kubernetes.verbs.requests import WriteOptions

MAX_BODY_BYTES = 3 * 1024 * 1024
PROTOBUF = "application/vnd.kubernetes.protobuf"
_OBJECT_TYPES = ("application/json", "application/yaml", "text/yaml", "")
_MAX_MANAGER = 128
_VALIDATIONS = ["", "Ignore", "Strict", "Warn"]


async def read_body(request: web.BaseRequest) -> bytes:
    """The whole body; one that is too large is a 413."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ApiError(413, "RequestEntityTooLarge", f"limit is {MAX_BODY_BYTES}")
    return bytes(body)


def media_type(request: web.BaseRequest) -> str:
    """The content type without its parameters."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def parse_value(raw: bytes) -> Any:
    """A JSON or YAML document."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    try:
        return yaml.safe_load(raw)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise bad_request(f"the body is neither JSON nor YAML: {error}") from error


def parse_object(raw: bytes) -> Obj:
    """A document that is an object."""
    value = parse_value(raw)
    if not isinstance(value, dict):
        raise bad_request("the body must be an object")
    return value


async def read_object(request: web.BaseRequest) -> Obj:
    """The object that a POST or PUT brings."""
    kind = media_type(request)
    if kind not in (*_OBJECT_TYPES, PROTOBUF):
        raise unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: "
            f"application/json, application/yaml, {PROTOBUF}"
        )
    raw = await read_body(request)
    return parse_protobuf(raw) if kind == PROTOBUF else parse_object(raw)


async def read_options(request: web.BaseRequest) -> Obj:
    """The DeleteOptions that a DELETE brings, if it does."""
    raw = await read_body(request)
    if not raw.strip() or raw.strip() == b"null":
        return {}
    return parse_protobuf(raw) if media_type(request) == PROTOBUF else parse_object(raw)


def is_true(text: str) -> bool:
    """A boolean query parameter: present and not `false` or `0`."""
    return text.lower() not in ("", "false", "0")


def dry_run_of(request: web.BaseRequest) -> bool:
    """Whether nothing may be stored; only `All` is a stage."""
    stages = request.query.getall("dryRun", [])
    for stage in stages:
        if stage != "All":
            cause = unsupported("dryRun", stage, ["All"])
            raise invalid_options(_options(request), [cause])
    return bool(stages)


def check_force(request: web.BaseRequest) -> None:
    """Only an apply can be forced."""
    if "force" in request.query:
        cause = forbidden("force", "may not be specified for non-apply patch")
        raise invalid_options(_options(request), [cause])


def _options(request: web.BaseRequest) -> str:
    return {"POST": "CreateOptions", "PUT": "UpdateOptions", "DELETE": "DeleteOptions"}.get(
        request.method, "PatchOptions"
    )


def _manager_causes(manager: str) -> Iterator[Cause]:
    if len(manager.encode()) > _MAX_MANAGER:
        why = f"Too long: may not be more than {_MAX_MANAGER} bytes"
        yield Cause("FieldValueTooLong", why, "fieldManager")
    elif not manager.isprintable():
        yield invalid("fieldManager", manager, "should only contain printable characters")


def _validation_causes(request: web.BaseRequest) -> Iterator[Cause]:
    asked = request.query.get("fieldValidation", "")
    if asked not in _VALIDATIONS:
        yield unsupported("fieldValidation", asked, _VALIDATIONS)


def write_options(request: web.BaseRequest, user: User, *, default_manager: bool) -> WriteOptions:
    """Manager and dry run; without a manager an update is recorded under the client's own name."""
    manager = request.query.get("fieldManager", "")
    causes = [*_manager_causes(manager), *_validation_causes(request)]
    if causes:
        raise invalid_options(_options(request), causes)
    if not manager and default_manager:
        agent = request.headers.get("User-Agent", "")
        manager = agent.partition("/")[0][:_MAX_MANAGER] or "unknown"
    return WriteOptions(user, manager, dry_run_of(request))
