"""The internal listener: the certificate says which service calls, metadata for whom."""

from typing import Any

import grpc
import grpc.aio
import pytest

from services.chassis import identity
from services.chassis.access import Role, Rule
from services.chassis.channel import connect
from services.chassis.errors import PermissionDenied, Unauthenticated, Unavailable
from services.chassis.metadata import PRINCIPAL
from services.chassis.sink import DELIVER
from services.chassis.tls import TlsFiles
from tests.unit.chassis.rpc.support import (
    BASE,
    Authority,
    Issuer,
    Request,
    Response,
    Running,
    running,
    stub_of,
)
from tollgate.common.v1 import facts_pb2

GUEST = identity.Principal("gus", "user", f"{BASE}/realms/acme", organization="acme")
ALICE = identity.Principal(
    "alice", "user", f"{BASE}/realms/acme", "alice@acme.test", "acme", ("acme-web",), ("user",)
)


async def say_who(request: Request, context: Any) -> Response:
    """Answer with who acts and who called."""
    caller = identity.current_caller()
    who = identity.current()
    text = f"{who!r} by {caller.service if caller else 'nobody'}"
    return Response(results=[facts_pb2.FactResult(reason=text)])


async def test_a_named_caller_acts_for_itself(authority: Authority, issuer: Issuer) -> None:
    async with running(authority, issuer, say_who) as small:
        answer = await stub_of(small.internal("payments")).Deliver(Request())
        itself = identity.Principal("payments", "service")
        assert answer.results[0].reason == f"{itself!r} by payments"


async def test_the_acting_person_travels_whole(authority: Authority, issuer: Issuer) -> None:
    async with running(authority, issuer, say_who) as small:
        stub = stub_of(small.internal("payments"))
        with identity.acting(ALICE):
            answer = await stub.Deliver(Request())
        assert answer.results[0].reason == f"{ALICE!r} by payments"


async def test_another_service_is_refused(small: Running) -> None:
    with pytest.raises(PermissionDenied) as caught:
        await stub_of(small.internal("provisioner")).Deliver(Request())
    assert caught.value.reason == "CALLER_NOT_ALLOWED"


async def test_a_person_that_the_edge_brings_is_held_to_the_roles(small: Running) -> None:
    stub = stub_of(small.internal("gateway"))
    with identity.acting(GUEST), pytest.raises(PermissionDenied) as caught:
        await stub.Deliver(Request())
    assert caught.value.reason == "ROLE_NOT_ALLOWED"


async def test_behind_the_edge_the_calling_service_decided_already(small: Running) -> None:
    stub = stub_of(small.internal("payments"))
    with identity.acting(GUEST):
        await stub.Deliver(Request())


async def test_without_a_certificate_the_connection_is_refused(small: Running) -> None:
    credentials = grpc.ssl_channel_credentials(root_certificates=small.authority.pem)
    options = [("grpc.ssl_target_name_override", "pricing")]
    target = f"127.0.0.1:{small.server.internal_port}"
    async with grpc.aio.secure_channel(target, credentials, options) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub_of(channel).Deliver(Request(), timeout=3)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_certificate_of_another_authority_is_refused(
    small: Running, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = Authority(tmp_path_factory.mktemp("stranger")).issue("payments")
    trusting = TlsFiles(stranger.cert, stranger.key, small.authority.issue("payments").ca)
    target = f"127.0.0.1:{small.server.internal_port}"
    async with connect(target, server_name="pricing", tls=trusting, attempts=2) as channel:
        with pytest.raises(Unavailable):
            await stub_of(channel).Deliver(Request(), timeout=3)


async def test_a_server_with_another_name_is_not_talked_to(small: Running) -> None:
    target = f"127.0.0.1:{small.server.internal_port}"
    own = small.authority.issue("payments")
    async with connect(target, server_name="subscription", tls=own, attempts=2) as channel:
        with pytest.raises(Unavailable):
            await stub_of(channel).Deliver(Request(), timeout=3)


@pytest.mark.parametrize(
    "uri",
    [
        "spiffe://elsewhere.test/payments",
        "spiffe://tollgate.local/payments/extra",
        "https://tollgate.local/payments",
    ],
)
async def test_a_certificate_that_names_no_service_of_ours_is_refused(
    small: Running, uri: str
) -> None:
    files = small.authority.issue("payments", uri=uri, into="odd")
    target = f"127.0.0.1:{small.server.internal_port}"
    async with connect(target, server_name="pricing", tls=files) as channel:
        with pytest.raises(Unauthenticated) as caught:
            await stub_of(channel).Deliver(Request())
    assert caught.value.reason == "NO_SERVICE_NAME"


async def test_an_unreadable_principal_is_refused(small: Running) -> None:
    stub = stub_of(small.internal("payments"))
    for raw in (b"{", b"[]", b'{"subject": 3, "kind": "user"}', b'{"kind": "root"}'):
        with pytest.raises(Unauthenticated):
            await stub.Deliver(Request(), metadata=((PRINCIPAL, raw),))


async def test_a_rule_may_open_an_rpc_to_every_service(
    authority: Authority, issuer: Issuer
) -> None:
    access = {DELIVER: Rule(callers=frozenset({"*"}), roles=frozenset({Role.ORG_ADMIN}))}
    async with running(authority, issuer, access=access) as small:
        await stub_of(small.internal("provisioner")).Deliver(Request())
