"""The little of SMTP (RFC 5321) that a client needs to hand over mail, without login or TLS."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from deploy.sandbox.supervisor.files import write_atomic

MOST_BYTES = 1 << 20
_MOST_RECIPIENTS = 100
_LONGEST_LINE = 4096
_PATIENCE = 60.0
_GREETING = b"220 sandbox ESMTP\r\n"


@dataclass
class Envelope:
    """What one transaction has said so far."""

    sender: str = ""
    recipients: list[str] = field(default_factory=list)
    begun: bool = False


class MailSink:
    """Listens on 127.0.0.1 and keeps each mail as ``<number>.eml`` in a folder.

    ``refuses`` names recipients that are refused for good, as a server does that does not know
    them.
    """

    def __init__(
        self, folder: Path, port: int = 0, refuses: Callable[[str], bool] = lambda _: False
    ) -> None:
        self._folder = folder
        self._refuses = refuses
        self._wanted = port
        self._server: asyncio.Server | None = None
        self._arrived = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self._wanted, limit=MOST_BYTES
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        if self._server is None:
            raise RuntimeError("the mail sink does not listen")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def mails(self) -> list[bytes]:
        """Return all mails, in the order in which they came."""
        return [file.read_bytes() for file in sorted(self._folder.glob("*.eml"))]

    async def until(self, count: int) -> list[bytes]:
        """Return all mails once there are so many."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.mails()) >= count)
        return self.mails()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(_GREETING)
            envelope = Envelope()
            while True:
                async with asyncio.timeout(_PATIENCE):
                    line = await reader.readuntil(b"\n")
                verb, rest = _command(line)
                if verb == "QUIT":
                    writer.write(b"221 bye\r\n")
                    return
                if verb == "DATA" and envelope.recipients:
                    await self._take(envelope, reader, writer)
                    envelope = Envelope()
                    continue
                writer.write(self._answer(verb, rest, envelope))
        except (OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError):
            return  # Who speaks no SMTP, or goes, is no trouble of ours.
        finally:
            writer.close()

    def _answer(self, verb: str, rest: str, envelope: Envelope) -> bytes:
        match verb:
            case "EHLO":
                return (
                    b"250-sandbox\r\n250-SMTPUTF8\r\n250-8BITMIME\r\n250 SIZE %d\r\n" % MOST_BYTES
                )
            case "HELO" | "NOOP":
                return b"250 ok\r\n"
            case "RSET":
                envelope.recipients.clear()
                envelope.begun = False
                return b"250 ok\r\n"
            case "MAIL":
                envelope.sender, envelope.begun = _path(rest), True
                envelope.recipients.clear()
                return b"250 ok\r\n"
            case "RCPT":
                return self._recipient(_path(rest), envelope)
            case "DATA":
                return b"503 nobody to send it to\r\n"
            case _:
                return b"502 not known here\r\n"

    def _recipient(self, address: str, envelope: Envelope) -> bytes:
        if not envelope.begun:
            return b"503 MAIL first\r\n"
        if self._refuses(address):
            return b"550 nobody of that name\r\n"
        if len(envelope.recipients) >= _MOST_RECIPIENTS:
            return b"452 too many\r\n"
        envelope.recipients.append(address)
        return b"250 ok\r\n"

    async def _take(
        self, envelope: Envelope, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"354 go on\r\n")
        async with asyncio.timeout(_PATIENCE):
            raw = await reader.readuntil(b"\r\n.\r\n")
        lines = raw[: -len(b".\r\n")].split(b"\r\n")
        body = b"\r\n".join(line[1:] if line.startswith(b"..") else line for line in lines)
        head = f"X-Envelope-To: {', '.join(envelope.recipients)}\r\n".encode()
        async with self._arrived:
            number = len(list(self._folder.glob("*.eml"))) + 1
            write_atomic(self._folder / f"{number:06d}.eml", head + body, 0o600)
            self._arrived.notify_all()
        writer.write(b"250 kept\r\n")


def _command(line: bytes) -> tuple[str, str]:
    if len(line) > _LONGEST_LINE:
        raise ValueError("the line is too long")
    verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
    return verb.upper(), rest


def _path(rest: str) -> str:
    return rest.partition("<")[2].partition(">")[0]
