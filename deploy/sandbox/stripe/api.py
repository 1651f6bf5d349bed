"""The way of every API call: key, limits, faults, parameters, idempotency, handler, answer."""

import asyncio
import base64
import binascii
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

import orjson
from aiohttp import web

from deploy.sandbox.stripe import errors, forms, params, timing
from deploy.sandbox.stripe.context import Call, Context, World
from deploy.sandbox.stripe.expand import expand
from deploy.sandbox.stripe.idempotency import Answer, fingerprint, remember, replay
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.limits import Fault, Limits
from deploy.sandbox.stripe.shapes import JsonObject, copy_of

VERSION = re.compile(r"^\d{4}-\d{2}-\d{2}(\.[a-z]+)?$")
LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Route:
    """An API call: where it lives, what it takes (besides `expand`), and what it does."""

    method: str
    path: str
    handler: Callable[[Call], JsonObject]
    fields: params.Fields


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came in."""

    request_id: str
    method: str
    path: str
    url_ids: dict[str, str]
    headers: Mapping[str, str]
    encoded: str

    @property
    def key(self) -> str | None:
        """The idempotency key; only POST calls have one."""
        return self.headers.get("Idempotency-Key") if self.method == "POST" else None


class Api:
    """Answers API calls."""

    def __init__(self, world: World, limits: Limits) -> None:
        self._world = world
        self._limits = limits

    async def respond(self, request: web.Request, route: Route | None) -> web.Response:
        """The answer to a request; None for a route is an unknown URL."""
        body = (await request.read()).decode("utf-8", "replace") if request.can_read_body else ""
        query = request.rel_url.raw_query_string
        incoming = Incoming(
            request_id=new_id("request"),
            method=request.method,
            path=request.path,
            url_ids=dict(request.match_info),
            headers=request.headers,
            encoded="&".join(part for part in (query, body) if part),
        )
        fault: Fault | None = None
        try:
            known, fault = self._admit(incoming, route)
            if fault is not None and fault.hangs_up and not fault.applied:
                return _hang_up(request)
            answer = self._once(incoming, known, forms.decode(incoming.encoded), fault)
        except errors.StripeError as refusal:
            answer = _refusal(refusal, incoming.request_id)
        if fault is not None:
            await asyncio.sleep(fault.slow)
            if fault.hangs_up:
                return _hang_up(request)
        return self._response(incoming, answer)

    def _admit(self, incoming: Incoming, route: Route | None) -> tuple[Route, Fault | None]:
        """The call that a request is for, and the fault that it meets."""
        self._authenticate(incoming)
        if route is None:
            raise errors.unrecognized_url(incoming.method, incoming.path)
        endpoint = f"{route.method} {route.path}"
        if not self._limits.admit(endpoint, self._world.clock.time()):
            raise errors.rate_limited()
        fault = self._limits.fault(incoming.method, incoming.path)
        if fault is not None and fault.status == 429:
            raise errors.lock_timeout() if fault.code == "lock_timeout" else errors.rate_limited()
        return route, fault

    def _authenticate(self, incoming: Incoming) -> None:
        account = self._world.account
        key = _key(incoming.headers.get("Authorization", ""))
        if key is None or not hmac.compare_digest(key.encode(), account.secret_key.encode()):
            raise errors.unauthorized(key)
        other = incoming.headers.get("Stripe-Account", account.id)
        if other != account.id:
            message = (
                f"The provided key '{errors.masked(key)}' does not have access to account "
                f"'{other}' (or that account does not exist). Application access may have been "
                "revoked."
            )
            raise errors.StripeError(403, message, code="account_invalid")
        version = incoming.headers.get("Stripe-Version", account.api_version)
        if not VERSION.match(version):
            raise errors.invalid(f"Invalid Stripe API version: {version}")

    def _once(
        self, incoming: Incoming, route: Route, raw: JsonObject, fault: Fault | None
    ) -> Answer:
        """Run a call, or give the answer that its idempotency key already has."""
        key = incoming.key
        if key is None:
            return self._run(incoming, route, raw, fault, None)
        if not 0 < len(key) <= LONGEST_KEY:
            raise errors.invalid(f"Idempotency keys must be 1 to {LONGEST_KEY} characters long.")
        mark = fingerprint(incoming.method, incoming.path, raw)
        known = replay(self._world.begin(), key, mark)
        return known or self._run(incoming, route, raw, fault, (key, mark))

    def _run(
        self,
        incoming: Incoming,
        route: Route,
        raw: JsonObject,
        fault: Fault | None,
        key: tuple[str, str] | None,
    ) -> Answer:
        context = self._world.begin(incoming.request_id, incoming.key)
        try:
            answer = self._execute(context, incoming, route, raw, fault)
        except BaseException:
            context.tx.rollback()
            raise
        if key is not None:
            remember(context, *key, answer)
        context.tx.commit()
        return answer

    def _execute(
        self,
        context: Context,
        incoming: Incoming,
        route: Route,
        raw: JsonObject,
        fault: Fault | None,
    ) -> Answer:
        """Run the handler; its effects stay for an answer and for what the provider keeps."""
        try:
            _stop(fault, after=False)
            values = params.read(raw, {**route.fields, **params.EXPAND})
            timed = timing.of_call(
                context, values, incoming.url_ids, changes=incoming.method != "GET"
            )
            result = copy_of(route.handler(Call(timed, values, incoming.url_ids)))
            expand(context.tx, result, values.get("expand", []))
            _stop(fault, after=True)
        except errors.StripeError as refusal:
            if not refusal.keeps_effects:
                context.tx.rollback()
            return _refusal(refusal, incoming.request_id)
        return Answer(200, _encoded(result), incoming.request_id)

    def _response(self, incoming: Incoming, answer: Answer) -> web.Response:
        headers = {
            "Content-Type": "application/json",
            "Request-Id": incoming.request_id,
            "Stripe-Version": incoming.headers.get(
                "Stripe-Version", self._world.account.api_version
            ),
            "Cache-Control": "no-cache, no-store",
        }
        if incoming.key:
            headers |= {"Idempotency-Key": incoming.key, "Original-Request": answer.request_id}
        if answer.request_id != incoming.request_id:
            headers["Idempotent-Replayed"] = "true"
        if answer.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="Stripe"'
        if answer.status == 429:
            headers["Stripe-Rate-Limited-Reason"] = "endpoint-rate"
        return web.Response(status=answer.status, body=answer.body, headers=headers)


def _hang_up(request: web.Request) -> web.Response:
    """Close the connection; the response that is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _refusal(refusal: errors.StripeError, request_id: str) -> Answer:
    return Answer(refusal.status, _encoded(refusal.body(request_id)), request_id)


def _encoded(value: JsonObject) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)


def _stop(fault: Fault | None, *, after: bool) -> None:
    """Fail as the fault says: before the call had an effect, or after it with the effect kept."""
    if fault is not None and fault.fails and fault.applied == after:
        _fail(fault, keeps_effects=after)


def _fail(fault: Fault, *, keeps_effects: bool) -> NoReturn:
    failure = errors.server_error(fault.status)
    failure.keeps_effects = keeps_effects
    raise failure


def _key(header: str) -> str | None:
    """The key from `Bearer …` or from the user of `Basic …`."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if scheme.lower() != "basic":
        return None
    try:
        user = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user.partition(":")[0] or None
