"""Alerts leave the house: signed, to allowed addresses only, and by mail."""

import asyncio
import base64
import hashlib
import hmac
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.policy import default as readable
from ipaddress import ip_address, ip_network
from pathlib import Path

import orjson
import pytest

from deploy.sandbox.ca.authority import Authority
from deploy.sandbox.mail.server import MailSink
from services.chassis.clock import SystemClock
from services.chassis.config import ConfigError, Env
from services.chassis.errors import InvalidArgument, Violations
from services.pricing.costs.budgets import BudgetWish
from services.pricing.costs.domain import CostFilter
from services.pricing.costs.telling import (
    Channel,
    Delivery,
    NotDelivered,
    Telling,
    check_targets,
    signature,
    written_secret,
)
from services.pricing.worker.telling import Mailer, read_telling
from services.pricing.worker.telling.addresses import is_allowed, is_public, reachable
from services.pricing.worker.telling.settings import MailSettings
from services.pricing.worker.telling.webhooks import WebhookSender

OLD, NEW = b"o" * 32, b"n" * 32
KEYS = Telling(mail=True, webhook_keys=(NEW, OLD))
LOOPBACK = (ip_network("127.0.0.0/8"),)
CLOCK = SystemClock()
HOOK = Delivery("adl_1", "alr_1", "bud_1", Channel.WEBHOOK, "", "", '{"found":"90.00"}')
LETTER = Delivery(
    "adl_2", "alr_1", "bud_1", Channel.MAIL, "ada@acme.example", "Budget “Ours”", ".a\n\nbé\n"
)
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass
class Hook:
    """An endpoint that answers what a test says, and keeps the bytes that it was sent."""

    port: int
    answer: bytes = OK
    heard: list[bytes] = field(default_factory=list)
    silent: asyncio.Event | None = None


@asynccontextmanager
async def endpoint(tls: ssl.SSLContext | None = None) -> AsyncIterator[Hook]:
    hook = Hook(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        hook.heard.append(head + await reader.readexactly(size))
        if hook.silent is not None:
            await hook.silent.wait()
        writer.write(hook.answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    hook.port = server.sockets[0].getsockname()[1]
    async with server:
        yield hook


def sender(*networks: str, tls: ssl.SSLContext | None = None) -> WebhookSender:
    allowed = tuple(ip_network(one) for one in networks) or LOOPBACK
    return WebhookSender(KEYS, allowed, tls or ssl.create_default_context(), CLOCK)


async def failure(sent: Awaitable[None]) -> NotDelivered:
    with pytest.raises(NotDelivered) as failed:
        await sent
    return failed.value


def headers_of(request: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, {name: value for name, _, value in (line.partition(": ") for line in lines)}, body


def test_a_signature_is_that_of_standard_webhooks() -> None:
    # The example of the specification's reference libraries.
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = '{"test": 2432232314}'
    found = signature([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_webhook_is_signed_with_every_key_and_says_what_it_is() -> None:
    async with endpoint() as hook:
        target = f"http://127.0.0.1:{hook.port}/alerts?team=a%20b"
        await sender().send(replace(HOOK, target=target))
    first, headers, body = headers_of(hook.heard[0])
    assert first == "POST /alerts?team=a%20b HTTP/1.1"
    assert headers["Host"] == f"127.0.0.1:{hook.port}"
    assert headers["webhook-id"] == "adl_1"
    assert body.decode() == HOOK.body
    assert orjson.loads(body) == {"found": "90.00"}
    told = written_secret(KEYS.secrets_of("bud_1")[0])
    secret = base64.b64decode(told.removeprefix("whsec_"))
    content = f"adl_1.{headers['webhook-timestamp']}.{HOOK.body}".encode()
    digest = base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode()
    newest, oldest = headers["webhook-signature"].split(" ")
    assert newest == f"v1,{digest}"
    assert oldest.startswith("v1,")
    assert newest != oldest
    assert KEYS.secrets_of("bud_1") != KEYS.secrets_of("bud_2")


@pytest.mark.parametrize(
    ("answer", "words", "for_good"),
    [
        (b"HTTP/1.1 500 Oh\r\n\r\n", "it answered 500", False),
        (b"HTTP/1.1 410 Gone\r\n\r\n", "it answered 410", True),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", "it answered 302", False),
        (b"SSH-2.0-OpenSSH\r\n", "it did not answer in HTTP", False),
        (b"HTTP/1.1 2", "it did not answer in HTTP", False),
        (b"", "it did not answer in HTTP", False),
        (b"x" * 70_000, "it did not answer in HTTP", False),
        (b"HTTP/1.1 103 Early\r\n\r\n" * 300, "it did not answer in HTTP", False),
    ],
)
async def test_what_is_no_success_is_said_in_words(
    answer: bytes, words: str, for_good: bool
) -> None:
    async with endpoint() as hook:
        hook.answer = answer
        target = f"http://127.0.0.1:{hook.port}/"
        failed = await failure(sender().send(replace(HOOK, target=target)))
    assert (str(failed), failed.for_good) == (words, for_good)
    assert len(hook.heard) == 1


async def test_what_comes_before_the_answer_is_not_the_answer() -> None:
    async with endpoint() as hook:
        hook.answer = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK
        await sender().send(replace(HOOK, target=f"http://127.0.0.1:{hook.port}/"))


async def test_who_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.pricing.worker.telling.webhooks._PATIENCE", 0.2)
    async with endpoint() as hook:
        hook.silent = asyncio.Event()
        failed = await failure(sender().send(replace(HOOK, target=f"http://127.0.0.1:{hook.port}")))
        hook.silent.set()
    assert "no answer" in str(failed)


async def test_the_connection_goes_to_the_address_that_was_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, asked = asyncio.get_running_loop(), list[str]()

    async def getaddrinfo(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        # A name that means another address a moment later.
        address = "127.0.0.1" if len(asked) == 1 else "10.9.9.9"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    async with endpoint() as hook:
        target = f"http://hooks.example:{hook.port}/"
        await sender().send(replace(HOOK, target=target))
    _, headers, _ = headers_of(hook.heard[0])
    assert headers["Host"] == f"hooks.example:{hook.port}"
    assert asked == ["hooks.example"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0", "[::1]", "[::ffff:127.0.0.1]"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_nothing_inside_is_reached_unless_it_is_allowed(scheme: str, host: str) -> None:
    async with endpoint() as hook:
        post = sender("10.0.0.0/8")
        failed = await failure(post.send(replace(HOOK, target=f"{scheme}://{host}:{hook.port}/")))
    assert failed.for_good
    assert hook.heard == []
    assert "127" not in str(failed)


async def test_a_name_is_checked_by_what_it_resolves_to() -> None:
    with pytest.raises(NotDelivered):
        await reachable("localhost", 80, (), plain=False)
    assert await reachable("localhost", 80, (ip_network("127.0.0.0/8"),), plain=True) == (
        "127.0.0.1",
        80,
    )
    failed = await failure(_resolved("no-such-host.invalid"))
    assert not failed.for_good


async def _resolved(host: str) -> None:
    await reachable(host, 443, (), plain=False)


@pytest.mark.parametrize(
    "address",
    [
        *("10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "169.254.169.254", "0.1.2.3"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.0.1", "198.18.0.1", "240.0.0.1"),
        *(
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
        ),
        *("64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:a00:1::1", "2001:0:a00:1::1", "2001:db8::1"),
    ],
)
def test_what_is_not_everybodys_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


def test_public_addresses_are_and_allowed_networks_hold_in_either_form() -> None:
    assert is_public(ip_address("93.184.215.14"))
    assert is_public(ip_address("2606:2800:21f:cb07:6820:80da:af6b:8b2c"))
    assert is_allowed(ip_address("::ffff:127.0.0.1"), LOOPBACK)
    assert not is_allowed(ip_address("::1"), LOOPBACK)


async def test_a_certificate_has_to_be_the_hosts(tmp_path: Path) -> None:
    files = Authority(tmp_path).issue("hooks", spiffe=False)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.cert, files.key)
    trusting = ssl.create_default_context(cafile=str(files.ca))
    async with endpoint(server) as hook:
        target = f"https://localhost:{hook.port}/"
        stranger = await failure(sender().send(replace(HOOK, target=target)))
        assert "TLS failed" in str(stranger)
        assert hook.heard == []
        await sender(tls=trusting).send(replace(HOOK, target=target))
    assert len(hook.heard) == 1


def wish(**fields: object) -> BudgetWish:
    return replace(BudgetWish("Ours", CostFilter(user="ada"), "usd", 1, ()), **fields)  # type: ignore[arg-type]  # fields of a test's own


def problems(asked: BudgetWish, telling: Telling = KEYS, own: str | None = None) -> list[str]:
    bad = Violations()
    check_targets(asked, telling, own, bad)
    try:
        bad.raise_if_any()
    except InvalidArgument as refused:
        return [one.field for one in refused.fields]
    return []


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://a.example/", "https://", "https:///x", "http://a.example/", "javascript:1"),
        *(
            "https://u:p@a.example/",
            "https://a.example/#x",
            "https://a.example/ b",
            "https://é.example",
        ),
        *(
            "https://a.example/\r\nX: y",
            "https://a.example:0/",
            "https://a.example:x/",
            "https://[::1/",
        ),
        "https://a.example/" + "x" * 2048,
    ],
)
def test_a_webhook_goes_to_an_https_url(url: str) -> None:
    assert problems(wish(webhook_url=url)) == ["budget.webhook_url"]
    for good in ("https://a.example:8443/x?y=1", "http://127.0.0.1:80/", "http://localhost:9/"):
        assert problems(wish(webhook_url=good)) == []


@pytest.mark.parametrize(
    "email",
    ["ada", "@a.example", "a b@c.example", "a@b\r\nBcc: c@d", "Ada <a@b.c>", "a@b,c@d"],
)
def test_an_address_is_one_address(email: str) -> None:
    assert problems(wish(emails=(email,))) == ["budget.emails[0]"]
    assert problems(wish(emails=("a@b.example", "A@B.example"))) == ["budget.emails[1]"]
    assert problems(wish(emails=("a@b.example",) * 6)) == ["budget.emails"]


def test_ways_that_are_off_are_refused() -> None:
    asked = wish(emails=("a@b.example",), webhook_url="https://a.example/")
    assert problems(asked, Telling()) == ["budget.emails", "budget.webhook_url"]
    assert problems(asked, own="") == ["budget.emails[0]"]


@pytest.fixture
async def sink(tmp_path: Path) -> AsyncIterator[MailSink]:
    async with MailSink(tmp_path / "mails", refuses=lambda to: to.startswith("nobody")) as made:
        yield made


def mailer(sink: MailSink, tls: str = "none") -> Mailer:
    at = MailSettings("127.0.0.1", sink.port, tls, "", "", "Tollgate <toll@gate.example>")
    return Mailer(at, ssl.create_default_context(), CLOCK)


async def test_a_mail_arrives_as_it_was_written(sink: MailSink) -> None:
    await mailer(sink).send(LETTER)
    (raw,) = sink.mails()
    mail = message_from_bytes(raw, policy=readable)
    assert (mail["To"], mail["Subject"]) == (LETTER.target, LETTER.subject)
    assert (mail["X-Envelope-To"], mail["Message-ID"]) == (LETTER.target, "<adl_2@gate.example>")
    body = mail.get_body()
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == LETTER.body


Broken = Callable[[MailSink], tuple[Mailer, Delivery]]


@pytest.mark.parametrize(
    ("broken", "words", "for_good"),
    [
        (lambda s: (mailer(s), replace(LETTER, target="nobody@a.example")), "(550)", True),
        (lambda s: (mailer(s, "starttls"), LETTER), "could not be used", False),
    ],
)
async def test_a_mail_that_nobody_took_is_told(
    sink: MailSink, broken: Broken, words: str, for_good: bool
) -> None:
    post, letter = broken(sink)
    failed = await failure(post.send(letter))
    assert words in str(failed)
    assert failed.for_good is for_good
    assert sink.mails() == []


async def test_a_server_that_is_away_is_tried_again(tmp_path: Path) -> None:
    async with MailSink(tmp_path) as gone:
        post = mailer(gone)
    failed = await failure(post.send(LETTER))
    assert not failed.for_good


def test_settings_are_judged_together() -> None:
    wrong = {
        "TOLLGATE_SMTP_ADDRESS": "mail.example:25",
        "TOLLGATE_SMTP_TLS": "none",
        "TOLLGATE_SMTP_USERNAME": "toll",
        "TOLLGATE_ALERT_WEBHOOK_KEYS": "c2hvcnQ=",
        "TOLLGATE_ALERT_WEBHOOK_NETWORKS": "10.0.0.1/8",
    }
    env = Env(wrong)
    read_telling(env)
    with pytest.raises(ConfigError) as refused:
        env.finish()
    assert sorted(text.partition(":")[0] for text in refused.value.problems) == [
        "TOLLGATE_ALERT_WEBHOOK_KEYS",
        "TOLLGATE_ALERT_WEBHOOK_NETWORKS",
        "TOLLGATE_SMTP_FROM",
        "TOLLGATE_SMTP_TLS",
    ]
    nothing = read_telling(Env({}))
    assert nothing.telling == Telling()


def test_a_key_is_in_no_text_of_the_settings() -> None:
    key = base64.b64encode(NEW).decode()
    made = read_telling(Env({"TOLLGATE_ALERT_WEBHOOK_KEYS": f"{key}, {key}"}))
    assert made.webhook_keys == (NEW, NEW)
    assert "nnnn" not in repr(made)
