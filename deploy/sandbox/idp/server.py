"""The identity provider over HTTP: one realm per organization, and `master` for platform admins.

    GET  /realms/<realm>/.well-known/openid-configuration
    GET  /realms/<realm>/jwks         also .../protocol/openid-connect/certs, as in Keycloak
    POST /realms/<realm>/token        also /token, where the form's role and organization decide
    POST /rotate                      a new key; form `realm`, else every realm
    GET  /.well-known/openid-configuration, /jwks     those of the default organization
    GET  /healthz

The form of a token request: `role`, and if wanted `organization`, `namespaces` and `groups` (lists
with commas, or repeated), `sub`, `ttl` (seconds). It has no passwords: loopback only.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web
from multidict import MultiDictProxy

from deploy.sandbox.idp.claims import MASTER, MAX_LIFE, Grant, InvalidGrant, Role, mint, parse_role
from deploy.sandbox.idp.keys import KeyStore


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class SandboxIdp:
    """A running provider as an async context manager; `port` 0 takes a free one."""

    def __init__(
        self,
        home: Path,
        *,
        port: int = 0,
        organization: str = "acme",
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.organization = organization
        self.port = port
        self._now = now
        self._keys = KeyStore(home, now)
        for realm in (organization, MASTER):
            self._keys.ensure(realm)
        self._runner = web.AppRunner(self._app(), access_log=None)

    async def __aenter__(self) -> Self:
        """Listens on 127.0.0.1; afterwards `port` and `url` are known."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stops listening."""
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The base of every issuer."""
        return f"http://127.0.0.1:{self.port}"

    def issuer(self, realm: str) -> str:
        """The `iss` of a realm's tokens."""
        return f"{self.url}/realms/{realm}"

    def jwks_url(self, realm: str) -> str:
        """Where a realm's public keys are."""
        return f"{self.issuer(realm)}/jwks"

    def issue(
        self,
        role: str | Role,
        *,
        organization: str | None = None,
        namespaces: list[str] | None = None,
        groups: list[str] | None = None,
        sub: str | None = None,
        ttl: timedelta = MAX_LIFE,
    ) -> str:
        """A token for a role, in the default organization unless said; raises InvalidGrant."""
        organization = organization or self.organization
        return self._mint(Grant(parse_role(role), organization, namespaces, groups, sub, ttl))

    def rotate(self, realm: str | None = None) -> dict[str, str]:
        """New signing keys for one realm or for all: the new key's id by realm."""
        realms = self._keys.realms() if realm is None else [realm]
        return {name: self._keys.rotate(name).kid for name in realms}

    def discovery(self, realm: str) -> dict[str, object]:
        """The realm's OpenID configuration."""
        issuer = self.issuer(realm)
        return {
            "issuer": issuer,
            "jwks_uri": f"{issuer}/jwks",
            "token_endpoint": f"{issuer}/token",
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }

    def _mint(self, grant: Grant) -> str:
        # An organization is made by asking for a token of it, as it would be by signing up.
        self._keys.ensure(grant.realm)
        return mint(grant, self.issuer(grant.realm), self._keys.current(grant.realm), self._now())

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[_problems])
        certs = "/realms/{realm}/protocol/openid-connect/certs"
        for path in ("/.well-known/openid-configuration", "/jwks"):
            handler = self._get_jwks if path == "/jwks" else self._get_discovery
            app.router.add_get(path, handler)
            app.router.add_get("/realms/{realm}" + path, handler)
        app.router.add_get(certs, self._get_jwks)
        app.router.add_post("/token", self._post_token)
        app.router.add_post("/realms/{realm}/token", self._post_token)
        app.router.add_post("/rotate", self._post_rotate)
        app.router.add_get("/healthz", _healthy)
        return app

    def _realm(self, request: web.Request) -> str:
        """The realm of the path, or the default organization's; 404 for one without keys."""
        realm = request.match_info.get("realm", self.organization)
        if realm not in self._keys.realms():
            raise web.HTTPNotFound(text=f"there is no realm {realm}")
        return realm

    async def _get_discovery(self, request: web.Request) -> web.Response:
        return web.json_response(self.discovery(self._realm(request)))

    async def _get_jwks(self, request: web.Request) -> web.Response:
        return web.json_response(self._keys.jwks(self._realm(request)))

    async def _post_token(self, request: web.Request) -> web.Response:
        form = await request.post()
        realm = request.match_info.get("realm")
        grant = Grant(
            role=parse_role(_text(form, "role") or ""),
            organization=_text(form, "organization") or realm or self.organization,
            namespaces=_list(form, "namespaces"),
            groups=_list(form, "groups"),
            sub=_text(form, "sub"),
            ttl=_ttl(form),
        )
        if realm not in (None, grant.realm):
            raise InvalidGrant(f"that token comes from the realm {grant.realm}, not from {realm}")
        body = {
            "access_token": self._mint(grant),
            "token_type": "Bearer",
            "expires_in": int(grant.ttl.total_seconds()),
        }
        return web.json_response(body, headers={"Cache-Control": "no-store"})

    async def _post_rotate(self, request: web.Request) -> web.Response:
        realm = _text(await request.post(), "realm")
        if realm is not None and realm not in self._keys.realms():
            raise web.HTTPNotFound(text=f"there is no realm {realm}")
        return web.json_response({"kid": self.rotate(realm)})


Form = MultiDictProxy[str | bytes | bytearray | web.FileField]


def _text(form: Form, name: str) -> str | None:
    value = form.get(name)
    return value if isinstance(value, str) and value else None


def _list(form: Form, name: str) -> list[str] | None:
    """A list given with commas or by repetition; given but empty is the empty list."""
    if name not in form:
        return None
    values = [value for value in form.getall(name) if isinstance(value, str)]
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _ttl(form: Form) -> timedelta:
    text = _text(form, "ttl")
    if text is None:
        return MAX_LIFE
    try:
        return timedelta(seconds=int(text))
    except (ValueError, OverflowError) as error:
        raise InvalidGrant("ttl is a number of seconds") from error


async def _healthy(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


@web.middleware
async def _problems(
    request: web.Request,
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    """A refused grant in OAuth's own shape."""
    try:
        return await handler(request)
    except InvalidGrant as refusal:
        body = {"error": "invalid_request", "error_description": str(refusal)}
        return web.json_response(body, status=400)
