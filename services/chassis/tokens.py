"""Verifies bearer tokens: a realm for each organization, each with its own issuer and keys."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

import jwt

from services.chassis.clock import Clock
from services.chassis.errors import Unauthenticated
from services.chassis.identity import MASTER_REALM, Principal
from services.chassis.jwks import Fetch, KeyCache, fetch_document

DEFAULT_ALGORITHMS: Final = ("ES256", "RS256")
DEFAULT_CERTS_PATH: Final = "/protocol/openid-connect/certs"

_LEEWAY = 30.0  # Seconds that clocks may differ.
_MAX_TOKEN = 16 * 1024
_MAX_CACHED = 10_000
_MAX_CACHED_SECONDS = 300.0  # A withdrawn key must stop counting before its tokens expire.
_REALM = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_NOT_ACCESS = frozenset({"ID", "Refresh", "Offline", "Logout"})


class TokenVerifier:
    """Turns a bearer token into a principal, or refuses it.

    An issuer is ``<base>/realms/<organization>``, and the claim ``org`` must name that realm; the
    realm ``master`` is the platform's and belongs to no organization. Nothing but signature,
    issuer, audience and times is asked here: what the person may do is decided elsewhere.
    """

    def __init__(
        self,
        base: str,
        *,
        audience: str,
        clock: Clock,
        algorithms: Sequence[str] = DEFAULT_ALGORITHMS,
        certs_path: str = DEFAULT_CERTS_PATH,
        fetch: Fetch = fetch_document,
    ) -> None:
        self._prefix = base.rstrip("/") + "/realms/"
        self._audience = audience
        self._algorithms = tuple(algorithms)
        self._clock = clock
        self._certs_path = certs_path
        self._keys = KeyCache(self._certs_url, fetch, clock)
        self._verified: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()

    async def verify(self, token: str) -> Principal:
        """Return who the token speaks of.

        Raises Unauthenticated for whatever is wrong with the token, Unavailable when the issuer's
        keys cannot be had.
        """
        if len(token) > _MAX_TOKEN:
            raise _refused("is too long")
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        known = self._verified.get(digest)
        if known is not None:
            if self._now() < known[1]:
                self._verified.move_to_end(digest)
                return known[0]
            del self._verified[digest]
        principal, until = await self._verify(token)
        self._verified[digest] = (principal, until)
        if len(self._verified) > _MAX_CACHED:
            self._verified.popitem(last=False)
        return principal

    async def _verify(self, token: str) -> tuple[Principal, float]:
        key_id, issuer = self._read_unverified(token)
        realm = self._realm_of(issuer)
        key = await self._keys.find(realm, key_id)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=list(self._algorithms),
                audience=self._audience,
                issuer=issuer,
                # The times are judged below, by the injected clock.
                options={
                    "require": ["exp", "iat", "iss", "sub", "aud"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidAudienceError as error:
            raise _refused("is meant for another audience") from error
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise _refused("cannot be verified") from error
        expires = self._judge_times(claims)
        until = min(expires + _LEEWAY, self._now() + _MAX_CACHED_SECONDS)
        return _to_principal(claims, realm, issuer), until

    def _read_unverified(self, token: str) -> tuple[str, str]:
        # Nothing read here is believed: it only chooses the key that must then fit.
        try:
            header = jwt.get_unverified_header(token)
            claims = jwt.decode(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise _refused("is not a JWT") from error
        key_id, issuer = header.get("kid"), claims.get("iss")
        if header.get("alg") not in self._algorithms:
            raise _refused("is signed in a way that is not accepted")
        if not isinstance(key_id, str) or not isinstance(issuer, str):
            raise _refused("names no key or no issuer")
        return key_id, issuer

    def _realm_of(self, issuer: str) -> str:
        realm = issuer.removeprefix(self._prefix)
        # The name becomes part of a URL that is fetched.
        if realm == issuer or _REALM.fullmatch(realm) is None:
            raise _refused("comes from another issuer")
        return realm

    def _certs_url(self, realm: str) -> str:
        return self._prefix + realm + self._certs_path

    def _judge_times(self, claims: Mapping[str, object]) -> float:
        now = self._now()
        expires, issued = _seconds(claims, "exp"), _seconds(claims, "iat")
        if expires + _LEEWAY <= now:
            raise Unauthenticated("Your session is over, sign in again.", reason="TOKEN_EXPIRED")
        if max(issued, _seconds(claims, "nbf", issued)) - _LEEWAY > now:
            raise _refused("is not valid yet")
        return expires

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _to_principal(claims: Mapping[str, object], realm: str, issuer: str) -> Principal:
    if claims.get("typ") in _NOT_ACCESS:
        raise _refused("is not an access token")
    subject = _text(claims, "sub")
    if not subject:
        raise _refused("names nobody")
    organization = "" if realm == MASTER_REALM else _text(claims, "org")
    if realm not in (MASTER_REALM, organization):
        raise _refused("names another organization than its issuer")
    return Principal(
        subject=subject,
        kind="user",
        issuer=issuer,
        email=_text(claims, "email"),
        organization=organization,
        namespaces=_texts(claims, "namespaces"),
        groups=_texts(claims, "groups"),
    )


def _text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name, "")
    if not isinstance(value, str):
        raise _refused(f"has a claim {name} that is no text")
    return value


def _texts(claims: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = claims.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _refused(f"has a claim {name} that is no list of texts")
    return tuple(value)


def _seconds(claims: Mapping[str, object], name: str, default: float | None = None) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refused(f"has a claim {name} that is no time")
    return float(value)


def _refused(what: str) -> Unauthenticated:
    return Unauthenticated(f"The token {what}.", reason="TOKEN_REFUSED")
