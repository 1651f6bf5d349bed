"""Keys and verified tokens: what is fetched when, and what is kept for how long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from services.chassis.errors import Unauthenticated, Unavailable
from services.chassis.jwks import fetch_document
from services.chassis.tokens import TokenVerifier
from tests.unit.chassis.rpc.support import BASE, Issuer, ManualClock


def verifier_of(issuer: Issuer, clock: ManualClock) -> TokenVerifier:
    return TokenVerifier(BASE, audience="tollgate", clock=clock, fetch=issuer.fetch)


async def test_keys_are_fetched_once_for_many_tokens(issuer: Issuer) -> None:
    verifier = verifier_of(issuer, ManualClock())
    tokens = [issuer.token(sub=f"person-{number}") for number in range(20)]
    people = await asyncio.gather(*(verifier.verify(token) for token in tokens))
    assert {person.subject for person in people} == {f"person-{number}" for number in range(20)}
    assert len(issuer.fetches) == 1


async def test_an_unknown_key_is_asked_for_at_most_once_in_thirty_seconds(issuer: Issuer) -> None:
    clock = ManualClock()
    verifier = verifier_of(issuer, clock)
    await verifier.verify(issuer.token())
    clock.passed = 31
    issuer.add_key("two")
    assert (await verifier.verify(issuer.token("two"))).subject == "alice"
    assert len(issuer.fetches) == 2
    issuer.add_key("three")
    late = issuer.token("three")
    for passed in (32.0, 45.0, 60.9):
        clock.passed = passed
        with pytest.raises(Unauthenticated):
            await verifier.verify(late)
    assert len(issuer.fetches) == 2
    clock.passed = 61.1
    assert (await verifier.verify(late)).subject == "alice"
    assert len(issuer.fetches) == 3


async def test_an_unknown_realm_is_not_asked_for_again_and_again(issuer: Issuer) -> None:
    verifier = verifier_of(issuer, ManualClock())
    for number in range(5):
        token = issuer.token(iss=f"{BASE}/realms/ghost", org="ghost", sub=f"ghost-{number}")
        with pytest.raises(Unauthenticated):
            await verifier.verify(token)
    assert len(issuer.fetches) == 1


async def test_a_realm_whose_name_is_no_name_is_never_asked_for(issuer: Issuer) -> None:
    verifier = verifier_of(issuer, ManualClock())
    for realm in ("../x", "a/b", "a?b", "", "a" * 65, "a b", "-a"):
        with pytest.raises(Unauthenticated):
            await verifier.verify(issuer.token(iss=f"{BASE}/realms/{realm}", org=realm))
    assert issuer.fetches == []


async def test_a_verified_token_is_remembered_until_it_ends(issuer: Issuer) -> None:
    clock = ManualClock()
    verifier = verifier_of(issuer, clock)
    token = issuer.token()
    first = await verifier.verify(token)
    assert await verifier.verify(token) is first
    clock.passed = 331
    with pytest.raises(Unauthenticated) as caught:
        await verifier.verify(token)
    assert caught.value.reason == "TOKEN_EXPIRED"


async def test_a_withdrawn_key_stops_counting_before_its_tokens_end(issuer: Issuer) -> None:
    clock = ManualClock()
    verifier = verifier_of(issuer, clock)
    token = issuer.token(exp=issuer_end(issuer, 7200))
    await verifier.verify(token)
    issuer.add_key("two")
    del issuer.keys["one"]
    clock.passed = 601
    with pytest.raises(Unauthenticated):
        await verifier.verify(token)


async def test_keys_outlive_an_issuer_that_does_not_answer(issuer: Issuer) -> None:
    clock = ManualClock()
    verifier = verifier_of(issuer, clock)
    await verifier.verify(issuer.token())
    issuer.failure = ConnectionRefusedError("down")
    clock.passed = 700
    end = issuer_end(issuer, 7200)
    assert (await verifier.verify(issuer.token(exp=end))).subject == "alice"


async def test_without_any_keys_the_answer_is_to_try_again(issuer: Issuer) -> None:
    clock = ManualClock()
    verifier = verifier_of(issuer, clock)
    issuer.failure = TimeoutError("slow")
    with pytest.raises(Unavailable):
        await verifier.verify(issuer.token())
    issuer.failure = None
    clock.passed = 1.5
    assert (await verifier.verify(issuer.token())).subject == "alice"


async def test_a_platform_admin_comes_from_the_master_realm_alone() -> None:
    master, acme = Issuer("master"), Issuer("acme")
    groups = ["platform-admin"]
    boss = await verifier_of(master, ManualClock()).verify(master.token(groups=groups, org=None))
    assert boss.is_platform_admin
    assert boss.organization == ""
    other = await verifier_of(acme, ManualClock()).verify(acme.token(groups=groups))
    assert not other.is_platform_admin


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", LookupError),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", OSError),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", OSError),
        (b"SSH-2.0-OpenSSH\r\n\r\n", OSError),
        (b"", OSError),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 300_000, ValueError),
    ],
)
async def test_a_document_that_cannot_be_had_is_told_apart(
    answer: bytes, error: type[Exception]
) -> None:
    async with answering(answer) as url:
        with pytest.raises(error):
            await fetch_document(url)


async def test_a_document_is_fetched_from_its_path() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as url:
        assert await fetch_document(url) == b"{}"


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """Answer every request for one path with these bytes, and any other with nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET /realms/acme/certs HTTP/1.1"):
            writer.write(answer)
        # The reader of a document that is too large may be gone by now.
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield f"http://127.0.0.1:{port}/realms/acme/certs"


def issuer_end(issuer: Issuer, seconds: int) -> int:
    """An expiry so many seconds after the tests' beginning."""
    issued = issuer.claims()["iat"]
    assert isinstance(issued, int)
    return issued + seconds
