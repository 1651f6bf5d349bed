"""The public keys of issuers: fetched when needed and kept, never at an attacker's pace."""

import asyncio
import http.client
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import jwt
import orjson
import structlog

from services.chassis.clock import Clock
from services.chassis.errors import Unauthenticated, Unavailable

Fetch = Callable[[str], Awaitable[bytes]]
"""Gets a document by its URL; raises OSError when it cannot, LookupError when there is none."""

REFETCH_SECONDS = 30.0
"""A key id that is not known is asked for at most this often, for each realm."""

MAX_AGE_SECONDS = 600.0
"""Keys older than this are fetched again, so that a withdrawn key stops counting."""

_RETRY_SECONDS = 1.0  # After a fetch that failed, where waiting longer would only prolong it.
_MAX_BYTES = 256 * 1024
_MAX_REALMS = 1024
_CONCURRENT_FETCHES = 4
_HTTP_TIMEOUT = 5.0

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("tollgate.jwks")


@dataclass(slots=True)
class _Keys:
    """Keys of one realm by their id; ``tried_at`` also moves when a fetch failed."""

    by_id: dict[str, jwt.PyJWK]
    fetched_at: float
    tried_at: float
    failed: bool = False


class KeyCache:
    """Keys by issuer and key id. Times are the clock's monotonic seconds."""

    def __init__(self, certs_url: Callable[[str], str], fetch: Fetch, clock: Clock) -> None:
        self._certs_url = certs_url
        self._fetch = fetch
        self._clock = clock
        self._realms: OrderedDict[str, _Keys] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}
        self._slots = asyncio.Semaphore(_CONCURRENT_FETCHES)

    async def find(self, realm: str, key_id: str) -> jwt.PyJWK:
        """Return a realm's key; raise Unauthenticated if there is none, Unavailable if unknown."""
        keys = self._realms.get(realm)
        if keys is None or self._worth_a_fetch(keys, key_id):
            keys = await self._refresh(realm, key_id)
        key = keys.by_id.get(key_id)
        if key is not None:
            return key
        if keys.failed:
            raise Unavailable("Tokens cannot be verified now.", reason="KEYS_UNREACHABLE")
        raise Unauthenticated("The token's key is not known.", reason="TOKEN_REFUSED")

    def _worth_a_fetch(self, keys: _Keys, key_id: str) -> bool:
        now = self._clock.monotonic()
        if now - keys.tried_at < (_RETRY_SECONDS if keys.failed else REFETCH_SECONDS):
            return False
        return key_id not in keys.by_id or now - keys.fetched_at >= MAX_AGE_SECONDS

    async def _refresh(self, realm: str, key_id: str) -> _Keys:
        lock = self._locks.setdefault(realm, asyncio.Lock())
        try:
            async with lock:
                keys = self._realms.get(realm)
                if keys is not None and not self._worth_a_fetch(keys, key_id):
                    return keys
                return await self._fetch_keys(realm, keys)
        finally:
            if not lock.locked():
                self._locks.pop(realm, None)

    async def _fetch_keys(self, realm: str, old: _Keys | None) -> _Keys:
        now = self._clock.monotonic()
        try:
            async with self._slots:
                document = await self._fetch(self._certs_url(realm))
            fresh = _Keys(_parse(document), fetched_at=now, tried_at=now)
        except LookupError:
            fresh = _Keys({}, fetched_at=now, tried_at=now)
        except (OSError, ValueError) as error:
            _log.warning("keys not fetched", realm=realm, problem=str(error))
            fresh = old or _Keys({}, fetched_at=now, tried_at=now)
            fresh.tried_at, fresh.failed = now, True
        self._realms[realm] = fresh
        self._realms.move_to_end(realm)
        while len(self._realms) > _MAX_REALMS:
            self._realms.popitem(last=False)
        return fresh


def _parse(document: bytes) -> dict[str, jwt.PyJWK]:
    found = orjson.loads(document)
    entries = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(entries, list):
        raise ValueError("not a key set")
    keys: dict[str, jwt.PyJWK] = {}
    for entry in entries:
        # Symmetric and encryption keys in a set must never verify anything.
        if not isinstance(entry, dict) or entry.get("kty") not in ("EC", "RSA"):
            continue
        if entry.get("use", "sig") != "sig" or not isinstance(entry.get("kid"), str):
            continue
        try:
            keys[entry["kid"]] = jwt.PyJWK(entry)
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            _log.warning("key not usable", problem=str(error))
    return keys


async def fetch_document(url: str) -> bytes:
    """Get a small document over HTTP, in a thread; redirects are not followed."""
    return await asyncio.to_thread(_get, url)


def _get(url: str) -> bytes:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=_HTTP_TIMEOUT)
    try:
        connection.request("GET", parts.path, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        if answer.status == http.client.NOT_FOUND:
            raise LookupError("no such document")
        if answer.status != http.client.OK:
            raise OSError(f"answered {answer.status}")
        body = answer.read(_MAX_BYTES + 1)
    except http.client.HTTPException as error:
        raise OSError("did not answer as HTTP") from error
    finally:
        connection.close()
    if len(body) > _MAX_BYTES:
        raise ValueError("the document is too large")
    return body
