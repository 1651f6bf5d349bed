"""Finds out who calls, by token or by certificate, and asks the access table."""

from collections.abc import Mapping
from typing import Protocol

from services.chassis.access import ANY_CALLER, NOBODY, AccessTable, admit_person, admit_service
from services.chassis.errors import Unauthenticated
from services.chassis.identity import Caller, Principal, acting, called_by
from services.chassis.interceptors.call import Layer, Proceed, RpcCall
from services.chassis.metadata import AUTHORIZATION, PRINCIPAL, principal_from_bytes
from services.chassis.tls import peer_service

_BEARER = "bearer "


class Verifier(Protocol):
    """Turns a bearer token into a principal."""

    async def verify(self, token: str) -> Principal:
        """Return who the token speaks of, or raise Unauthenticated."""
        ...


def admitting_people(table: AccessTable, verifier: Verifier) -> Layer:
    """Make the layer of the public listener: only the token says who calls."""

    async def admit(call: RpcCall, proceed: Proceed) -> object:
        rule = table.get(call.method, NOBODY)
        token = _bearer(call.metadata)
        if token is not None:
            call.principal = await verifier.verify(token)
        admit_person(rule, call.principal)
        if call.principal is None:
            return await proceed(call)
        with acting(call.principal):
            return await proceed(call)

    return admit


def admitting_services(table: AccessTable, edges: frozenset[str]) -> Layer:
    """Make the layer of the internal listener: the certificate says which service calls.

    The acting person is believed from metadata here and nowhere else.
    """

    async def admit(call: RpcCall, proceed: Proceed) -> object:
        rule = table.get(call.method, NOBODY)
        service = peer_service(call.context.auth_context())
        if service is None:
            if rule.anonymous and ANY_CALLER in rule.callers:
                return await proceed(call)
            raise Unauthenticated("The certificate names no service.", reason="NO_SERVICE_NAME")
        call.caller = Caller(service)
        call.principal = _passed_along(call.metadata) or Principal(service, "service")
        admit_service(rule, call.caller, call.principal, edges)
        with called_by(call.caller), acting(call.principal):
            return await proceed(call)

    return admit


def _bearer(metadata: Mapping[str, str | bytes]) -> str | None:
    value = metadata.get(AUTHORIZATION)
    if value is None:
        return None
    if not isinstance(value, str) or value[: len(_BEARER)].lower() != _BEARER:
        raise Unauthenticated("Send the token as: Bearer <token>.", reason="TOKEN_REFUSED")
    return value[len(_BEARER) :].strip()


def _passed_along(metadata: Mapping[str, str | bytes]) -> Principal | None:
    raw = metadata.get(PRINCIPAL)
    return principal_from_bytes(raw) if isinstance(raw, bytes) else None
