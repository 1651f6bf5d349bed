"""The public listener: only a token says who calls."""

import asyncio
from typing import Any

import grpc
import grpc.aio
import jwt
import pytest

from services.chassis import identity
from services.chassis.access import Role, Rule
from services.chassis.metadata import PRINCIPAL, principal_to_bytes
from services.chassis.sink import DELIVER
from services.chassis.tls import TlsFiles
from tests.unit.chassis.rpc.support import (
    Authority,
    Issuer,
    Request,
    Response,
    Running,
    running,
    stub_of,
)
from tollgate.common.v1 import facts_pb2


async def say_who(request: Request, context: Any) -> Response:
    """Answer with who acts."""
    who = identity.current_or_none()
    text = "nobody" if who is None else f"{who.kind}:{who.subject}@{who.organization}"
    return Response(results=[facts_pb2.FactResult(reason=text)])


async def refused(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def test_a_good_token_is_admitted_and_names_the_principal(
    authority: Authority, issuer: Issuer
) -> None:
    async with running(authority, issuer, say_who) as small:
        answer = await small.call_public(issuer.token())
        assert answer.results[0].reason == "user:alice@acme"


async def test_without_a_token_nobody_is_admitted(small: Running) -> None:
    error = await refused(small.call_public())
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"exp": 1_000_000}, id="expired"),
        pytest.param({"exp": None}, id="without an end"),
        pytest.param({"aud": "elsewhere"}, id="wrong audience"),
        pytest.param({"iss": "http://evil.test/realms/acme"}, id="wrong issuer"),
        pytest.param({"iss": "http://login.test/realms/../acme"}, id="path in the realm"),
        pytest.param({"org": "globex"}, id="organization of another realm"),
        pytest.param({"org": None}, id="no organization"),
        pytest.param({"sub": None}, id="no subject"),
        pytest.param({"iat": 4_000_000_000}, id="from the future"),
        pytest.param({"typ": "ID"}, id="an ID token"),
        pytest.param({"groups": "org-admin"}, id="groups that are no list"),
    ],
)
async def test_a_token_with_a_wrong_claim_is_refused(
    small: Running, changes: dict[str, Any]
) -> None:
    error = await refused(small.call_public(small.issuer.token(**changes)))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_token_signed_by_another_key_is_refused(small: Running) -> None:
    stranger = Issuer()
    error = await refused(small.call_public(stranger.token()))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_an_unsigned_token_is_refused(small: Running) -> None:
    token = jwt.encode(small.issuer.claims(), "", algorithm="none", headers={"kid": "one"})
    error = await refused(small.call_public(token))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_token_signed_with_a_shared_secret_is_refused(small: Running) -> None:
    secret = "s" * 64
    token = jwt.encode(small.issuer.claims(), secret, algorithm="HS256", headers={"kid": "one"})
    error = await refused(small.call_public(token))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("value", ["garbage", "Bearer", "Bearer x.y.z", "Basic YWxpY2U6cHc="])
async def test_what_is_no_bearer_token_is_refused(small: Running, value: str) -> None:
    error = await refused(small.call_public(None, ("authorization", value)))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_role_that_the_rule_does_not_name_is_refused(small: Running) -> None:
    guest = small.issuer.token(groups=[], namespaces=[])
    error = await refused(small.call_public(guest))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_an_admin_may_what_a_project_user_may(small: Running) -> None:
    await small.call_public(small.issuer.token(groups=["org-admin"], namespaces=[]))


async def test_a_rule_without_roles_admits_nobody_from_outside(
    authority: Authority, issuer: Issuer
) -> None:
    access = {DELIVER: Rule(callers=frozenset({"payments"}))}
    async with running(authority, issuer, access=access) as small:
        error = await refused(small.call_public(issuer.token(groups=["org-admin"])))
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_an_anonymous_rule_admits_nobody_in_particular_but_no_bad_token(
    authority: Authority, issuer: Issuer
) -> None:
    access = {DELIVER: Rule(anonymous=True)}
    async with running(authority, issuer, say_who, access=access) as small:
        assert (await small.call_public()).results[0].reason == "nobody"
        named = await small.call_public(issuer.token())
        assert named.results[0].reason == "user:alice@acme"
        error = await refused(small.call_public("x.y.z"))
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_principal_in_metadata_is_ignored_here(
    authority: Authority, issuer: Issuer
) -> None:
    admin = identity.Principal("mallory", "user", f"{issuer.claims()['iss']}", organization="acme")
    forged = (PRINCIPAL, principal_to_bytes(admin))
    access = {DELIVER: Rule(anonymous=True, roles=frozenset({Role.ANY}))}
    async with running(authority, issuer, say_who, access=access) as small:
        assert (await small.call_public(None, forged)).results[0].reason == "nobody"
        named = await small.call_public(issuer.token(), forged)
        assert named.results[0].reason == "user:alice@acme"


async def test_the_public_listener_may_speak_tls_and_asks_nobody_for_a_certificate(
    authority: Authority, issuer: Issuer
) -> None:
    files = authority.issue("edge")
    public_tls = TlsFiles(files.cert, files.key)
    async with running(authority, issuer, say_who, public_tls=public_tls) as small:
        credentials = grpc.ssl_channel_credentials(root_certificates=authority.pem)
        options = [("grpc.ssl_target_name_override", "edge")]
        target = f"127.0.0.1:{small.server.public_port}"
        async with grpc.aio.secure_channel(target, credentials, options) as channel:
            metadata = (("authorization", f"Bearer {issuer.token()}"),)
            answer = await stub_of(channel).Deliver(Request(), metadata=metadata, timeout=5)
    assert answer.results[0].reason == "user:alice@acme"


async def test_calls_at_once_with_different_tokens_keep_their_identities(
    authority: Authority, issuer: Issuer
) -> None:
    async with running(authority, issuer, say_who) as small:
        names = [f"person-{number}" for number in range(20)]
        answers = await asyncio.gather(
            *(small.call_public(issuer.token(sub=name)) for name in names)
        )
        assert [item.results[0].reason for item in answers] == [
            f"user:{name}@acme" for name in names
        ]
