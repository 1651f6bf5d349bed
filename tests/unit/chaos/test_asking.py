"""How people ask a stack that is shaken: which answers they take, and which keys they keep."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from tests.chaos.asking import Asker, Refused


class Server:
    """Gives the answers that it was told to, and remembers the keys that it was asked with."""

    def __init__(self, *answers: tuple[int, dict[str, str]]) -> None:
        self.answers = list(answers)
        self.keys: list[str | None] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers.get("Idempotency-Key"))
        status, body = self.answers.pop(0)
        return web.json_response(body, status=status)


@asynccontextmanager
async def asking(server: Server) -> AsyncIterator[Asker]:
    app = web.Application()
    app.router.add_route("*", "/thing", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession() as http:
            yield Asker(http, f"http://127.0.0.1:{runner.addresses[0][1]}", {}, "ada")
    finally:
        await runner.cleanup()


async def test_an_answer_that_passes_is_asked_for_again_under_the_same_key() -> None:
    server = Server((503, {}), (429, {}), (200, {"id": "one"}))
    async with asking(server) as asker:
        answer = await asker.ask("POST", "/thing", body={})
    assert answer.body == {"id": "one"}
    assert len(set(server.keys)) == 1


async def test_after_a_providers_failure_a_new_key_is_used() -> None:
    server = Server((500, {}), (200, {}))
    async with asking(server) as asker:
        await asker.ask("POST", "/thing", form={})
    assert len(set(server.keys)) == 2


async def test_each_thing_that_is_asked_has_a_key_of_its_own() -> None:
    server = Server((200, {}), (200, {}))
    async with asking(server) as asker:
        await asker.ask("POST", "/thing", body={})
        await asker.ask("POST", "/thing", body={})
    assert len(set(server.keys)) == 2


@pytest.mark.parametrize("status", [400, 402, 404])
async def test_a_refusal_is_not_asked_again_unless_it_is_fine(status: int) -> None:
    server = Server((status, {"error": "no"}), (status, {}))
    async with asking(server) as asker:
        with pytest.raises(Refused, match="no") as refused:
            await asker.ask("POST", "/thing", body={})
        assert refused.value.status == status
        assert (await asker.ask("POST", "/thing", body={}, fine=(status,))).status == status


async def test_a_conflict_is_asked_again_only_if_the_first_call_still_runs() -> None:
    server = Server((409, {"code": "ABORTED"}), (200, {}), (409, {"code": "TAKEN"}))
    async with asking(server) as asker:
        assert (await asker.ask("POST", "/thing", body={})).status == 200
        with pytest.raises(Refused):
            await asker.ask("POST", "/thing", body={})
