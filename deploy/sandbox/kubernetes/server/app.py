"""One handler for every path: authenticate, authorise, dispatch; refusals become Statuses."""

import logging
from collections.abc import Mapping

from aiohttp import web

from deploy.sandbox.kubernetes.access.rbac import Attributes
from deploy.sandbox.kubernetes.access.users import User
from deploy.sandbox.kubernetes.access.users import user as make_user
from deploy.sandbox.kubernetes.core.errors import (
    ApiError,
    forbidden,
    internal,
    method_not_allowed,
    no_such_path,
    unauthorized,
)
from deploy.sandbox.kubernetes.resources.builtin import METRICS_GROUP
from deploy.sandbox.kubernetes.server import faults as fault_hook
from deploy.sandbox.kubernetes.server import metrics, reading, writing
from deploy.sandbox.kubernetes.server.bodies import is_true, parse_object, read_body
from deploy.sandbox.kubernetes.server.discovery import discovery
from deploy.sandbox.kubernetes.server.faults import Asked, Fault, Faults, HungUp
from deploy.sandbox.kubernetes.server.openapi import openapi
from deploy.sandbox.kubernetes.server.responses import error_response, json_of
from deploy.sandbox.kubernetes.server.routes import ResourcePath, parse_path, target_of
from deploy.sandbox.kubernetes.server.watching import Watches
from deploy.sandbox.kubernetes.verbs.requests import Machinery, Target

_log = logging.getLogger(__name__)
_HEALTH = ("/healthz", "/livez", "/readyz")
_IMPERSONATE = "Impersonate-User"
_OPEN = (*_HEALTH, "/version")
_NAMED = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create"}
_UNNAMED = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}


class App:
    """The request handler of a cluster."""

    def __init__(
        self,
        machinery: Machinery,
        tokens: Mapping[str, User],
        watches: Watches,
        faults: Faults | None,
    ) -> None:
        self._machinery = machinery
        self._tokens = tokens
        self._watches = watches
        self._faults = faults

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; never raises."""
        try:
            return await self._handle(request)
        except ApiError as error:
            return error_response(error)
        except HungUp:
            return _hang_up(request)
        except Exception as error:  # noqa: BLE001 - the edge: a fault of ours must be a 500
            _log.exception("%s %s failed", request.method, request.path)
            return error_response(internal(repr(error)))

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path in _HEALTH or path.startswith(tuple(f"{probe}/" for probe in _HEALTH)):
            return web.Response(text="ok")
        user = None if path in _OPEN else self._authenticated(request)
        named = parse_path(path)
        if named is not None and user is not None:
            return await self._resource(request, named, user)
        return await self._other(request, path, user)

    def _authenticated(self, request: web.BaseRequest) -> User:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        user = self._tokens.get(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise unauthorized()
        return self._impersonated(request, user) if _IMPERSONATE in request.headers else user

    def _impersonated(self, request: web.BaseRequest, caller: User) -> User:
        """The user that the caller asks to be taken for, if it may."""
        name = request.headers[_IMPERSONATE]
        groups = request.headers.getall("Impersonate-Group", [])
        wanted = [("users", name), *(("groups", group) for group in groups)]
        for kind, value in wanted:
            asked = Attributes(caller, "impersonate", resource=kind, name=value)
            if not self._machinery.rbac.allows(asked):
                raise forbidden(kind, value, asked.refusal())
        return make_user(name, *groups)

    async def _other(
        self, request: web.BaseRequest, path: str, user: User | None
    ) -> web.StreamResponse:
        """Discovery and the fault hook."""
        if user is not None:
            asked = Attributes(user, request.method.lower(), path=path)
            if not self._machinery.rbac.allows(asked):
                error = forbidden("", "", asked.refusal())
                error.message = f"forbidden: {asked.refusal()}"
                raise error
        if path == fault_hook.PATH and self._faults is not None:
            if request.method == "POST":
                return json_of(self._faults.command(parse_object(await read_body(request))))
            return json_of(self._faults.told())
        registry = self._machinery.registry
        described = discovery(registry, path) or openapi(registry, path)
        document = described if request.method == "GET" else None
        if document is None:
            raise no_such_path()
        return json_of(document)

    async def _resource(
        self, request: web.BaseRequest, named: ResourcePath, user: User
    ) -> web.StreamResponse:
        verb = _verb(request, named)
        asked = Attributes(
            user,
            verb,
            named.group,
            named.plural,
            named.subresource,
            named.name or reading.selected_name(request, verb, named.plural),
            named.access_namespace,
        )
        if not self._machinery.rbac.allows(asked):
            resource = f"{named.plural}.{named.group}" if named.group else named.plural
            raise forbidden(resource, named.name, asked.refusal())
        target = target_of(self._machinery.registry, named)
        _check_verb(target, verb)
        asked_of = Asked(verb, target.resource, target.namespace, target.name, user.name)
        fault = self._fault(asked_of)
        if fault is not None and not fault.applied:
            raise fault.failure(asked_of)
        answer = await self._dispatch(request, target, verb, user)
        if fault is not None:
            raise fault.failure(asked_of)
        return answer

    def _fault(self, asked: Asked) -> Fault | None:
        return None if self._faults is None else self._faults.take(asked)

    async def _dispatch(
        self, request: web.BaseRequest, target: Target, verb: str, user: User
    ) -> web.StreamResponse:
        machinery = self._machinery
        if target.type.group == METRICS_GROUP:
            return metrics.answer(machinery, target, request)
        match verb:
            case "get":
                return reading.get(machinery, target, request)
            case "list":
                return reading.list_objects(machinery, target, request)
            case "watch":
                return await reading.watch(self._watches, target, request)
            case "create":
                return await writing.post(machinery, target, request, user)
            case "update":
                return await writing.put(machinery, target, request, user)
            case "patch":
                return await writing.patch(machinery, target, request, user)
            case _:
                return await writing.remove(machinery, target, request)


def _hang_up(request: web.BaseRequest) -> web.Response:
    """Close the connection; the response that is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _verb(request: web.BaseRequest, named: ResourcePath) -> str:
    if request.method == "GET" and is_true(request.query.get("watch", "")):
        return "watch"
    verb = (_NAMED if named.name else _UNNAMED).get(request.method)
    if verb is None:
        raise method_not_allowed()
    return verb


def _check_verb(target: Target, verb: str) -> None:
    if verb not in target.type.verbs:
        raise method_not_allowed()
    if target.type.namespaced and not target.namespace and verb not in ("list", "watch"):
        raise method_not_allowed()
    if target.subresource and verb == "create" and target.subresource != "eviction":
        raise method_not_allowed()
