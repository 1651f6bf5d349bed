"""The authority's certificates in use: TLS both ways, over ssl and over gRPC."""

import asyncio
import ssl
from pathlib import Path

import grpc
import pytest

from deploy.sandbox.ca.authority import Authority, CertificateFiles


def _context(files: CertificateFiles, purpose: ssl.Purpose) -> ssl.SSLContext:
    context = ssl.create_default_context(purpose, cafile=str(files.ca))
    context.load_cert_chain(files.cert, files.key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


async def _spiffe_name_of_client(server: CertificateFiles, client: CertificateFiles) -> object:
    """What the server reads from the client's certificate after a mutual handshake."""
    seen: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.set_result(writer.get_extra_info("peercert")["subjectAltName"])
        writer.close()

    listener = await asyncio.start_server(
        serve, "127.0.0.1", 0, ssl=_context(server, ssl.Purpose.CLIENT_AUTH)
    )
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(
            "localhost", port, ssl=_context(client, ssl.Purpose.SERVER_AUTH)
        )
        await reader.read()
        writer.close()
        return dict(await seen)["URI"]  # type: ignore[call-overload]  # ssl's untyped tuples


async def test_the_chain_verifies_strictly_in_both_directions(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    name = await _spiffe_name_of_client(authority.issue("pricing"), authority.issue("gateway"))
    assert name == "spiffe://tollgate.local/gateway"


async def test_the_certificate_of_another_authority_is_refused(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    with pytest.raises(ssl.SSLCertVerificationError):
        await _spiffe_name_of_client(ours.issue("pricing"), theirs.issue("gateway"))


async def test_grpc_reads_the_spiffe_name_of_a_caller(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pricing, gateway = authority.issue("pricing"), authority.issue("gateway")

    async def whoami(_request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        return b" ".join(context.peer_identities() or ())

    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(whoami)
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("test.Identity", {"Whoami": handler})]
    )
    root = authority.ca.read_bytes()
    credentials = grpc.ssl_server_credentials(
        [(pricing.key.read_bytes(), pricing.cert.read_bytes())], root, require_client_auth=True
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        mine = grpc.ssl_channel_credentials(
            root, gateway.key.read_bytes(), gateway.cert.read_bytes()
        )
        async with grpc.aio.secure_channel(f"127.0.0.1:{port}", mine) as channel:
            call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
                "/test.Identity/Whoami"
            )
            answer = await call(b"", timeout=10)
    finally:
        await server.stop(None)
    assert b"spiffe://tollgate.local/gateway" in answer
