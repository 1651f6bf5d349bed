"""Asks over HTTP until there is an answer: what any client of a shaken stack has to do."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 1.0
_PATIENCE = 240.0
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_CONFLICT = 409
_STILL_RUNS = ("ABORTED", "REQUEST_IN_PROGRESS")


class Refused(Exception):  # noqa: N818 - reads as what happened
    """An answer that asking again would not change."""

    def __init__(self, method: str, path: str, status: int, body: str) -> None:
        super().__init__(f"{method} {path} was answered {status}: {body[:300]}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body."""

    status: int
    body: dict[str, Any]


class Asker:
    """One client of one server; ``headers`` go with every request."""

    def __init__(
        self, http: aiohttp.ClientSession, base: str, headers: Mapping[str, str], key: str = ""
    ) -> None:
        self._http = http
        self._base = base
        self._headers = dict(headers)
        self._key = key
        self._number = 0

    async def ask(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        body: object = None,
        fine: tuple[int, ...] = (200,),
    ) -> Answer:
        """Ask until the answer is ``fine``; Refused for one that stays as it is.

        A mutation keeps its idempotency key from try to try, but for a provider's 500, which the
        provider would give again under the same key.
        """
        self._number += 1
        attempt, wait = 0, _FIRST_WAIT
        async with asyncio.timeout(_PATIENCE):
            while True:
                key = f"{self._key}-{self._number}-{attempt}"
                answer = await self._once(method, path, key, form, body)
                if answer is not None and answer.status in fine:
                    return answer
                if answer is not None and not _may_change(answer):
                    text = orjson.dumps(answer.body).decode()
                    raise Refused(method, path, answer.status, text)
                # Only a provider's answers are kept with the key, its failures too.
                kept = form is not None and answer is not None and answer.status >= 500
                attempt += kept
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)

    async def _once(
        self, method: str, path: str, key: str, form: Mapping[str, str] | None, body: object
    ) -> Answer | None:
        """Ask once; None if nothing came back."""
        url = path if path.startswith("http") else self._base + path
        headers = self._headers | ({} if method == "GET" else {"Idempotency-Key": key})
        try:
            async with self._http.request(
                method, url, data=form, json=body, headers=headers, allow_redirects=False
            ) as answer:
                raw = await answer.read()
                found = orjson.loads(raw) if answer.content_type == "application/json" else {}
                return Answer(answer.status, found)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None


def _may_change(answer: Answer) -> bool:
    """Whether another try could be answered otherwise."""
    if answer.status in _TRANSIENT:
        return True
    # The first call with this key is still being worked on.
    return answer.status == _CONFLICT and answer.body.get("code") in _STILL_RUNS
