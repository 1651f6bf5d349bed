"""How the sandbox's own calls are read and answered: JSON in, JSON out, and why not if not."""

from collections.abc import Awaitable, Callable, Collection

import orjson
from aiohttp import web

from deploy.sandbox.stripe.shapes import JsonObject

Call = Callable[[web.Request], Awaitable[JsonObject]]


class AdminError(Exception):
    """What cannot be done; the text says why."""

    def __init__(self, words: str, status: int = 400) -> None:
        super().__init__(words)
        self.status = status


def answered(call: Call) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return the handler that answers what a call returns, or why it was refused."""

    async def handle(request: web.Request) -> web.Response:
        try:
            return _json(await call(request))
        except AdminError as wrong:
            return _json({"error": str(wrong)}, wrong.status)

    return handle


async def given(request: web.Request, names: Collection[str]) -> JsonObject:
    """Return the JSON object of a request, nothing for an empty body.

    Raises AdminError if it is none, or holds something else than these names.
    """
    try:
        found = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError as error:
        raise AdminError("the body is not JSON") from error
    require(isinstance(found, dict), "a JSON object is wanted")
    unknown = sorted(found.keys() - set(names))
    require(not unknown, f"unknown: {', '.join(unknown)}")
    body: JsonObject = found
    return body


def require(holds: bool, words: str) -> None:
    """Raise AdminError with these words unless it holds."""
    if not holds:
        raise AdminError(words)


def whole(value: object, least: int, most: int) -> bool:
    """Tell whether a value is a whole number within bounds."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _json(value: JsonObject, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")
