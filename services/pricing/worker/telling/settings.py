"""How alerts are told: the mail server, the keys of webhooks, and where these may go."""

import base64
import binascii
from dataclasses import dataclass, field
from email.utils import parseaddr
from ipaddress import ip_network

from services.chassis.config import Env
from services.chassis.env import split_address
from services.pricing.costs.telling import Telling
from services.pricing.worker.telling.addresses import Network

TLS = ("starttls", "implicit", "none")
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class MailSettings:
    """A mail server; ``tls`` is starttls, implicit or none, ``username`` empty for no login."""

    host: str
    port: int
    tls: str
    username: str
    password: str = field(repr=False)
    sender: str


@dataclass(frozen=True, slots=True)
class TellingSettings:
    """``mail`` is None where mail is off; ``networks`` may be reached though not public."""

    mail: MailSettings | None
    webhook_keys: tuple[bytes, ...] = field(repr=False)
    networks: tuple[Network, ...]

    @property
    def telling(self) -> Telling:
        """What budgets may ask for."""
        return Telling(self.mail is not None, self.webhook_keys)


def read_telling(env: Env) -> TellingSettings:
    """Read how alerts are told; without any of it they are only listed."""
    return TellingSettings(_mail(env), _keys(env), _networks(env))


def _mail(env: Env) -> MailSettings | None:
    address = env.address(
        "TOLLGATE_SMTP_ADDRESS",
        default="",
        example="mail.example.com:587",
        doc="mail server for alerts of budgets; empty: no mail",
    )
    tls = env.choice("TOLLGATE_SMTP_TLS", TLS, default="starttls", doc="how it is spoken to")
    username = env.text("TOLLGATE_SMTP_USERNAME", default="", doc="empty: no login")
    password = env.secret("TOLLGATE_SMTP_PASSWORD", default="", doc="of that user")
    sender = env.text("TOLLGATE_SMTP_FROM", default="", doc="Tollgate <tollgate@example.com>")
    if not address:
        return None
    if "@" not in parseaddr(sender)[1] or not sender.isprintable():
        env.problem("TOLLGATE_SMTP_FROM", "expected an address, such as tollgate@example.com")
    if username and tls == "none":
        env.problem("TOLLGATE_SMTP_TLS", "expected starttls or implicit: a password would be seen")
    host, port = split_address(address)
    return MailSettings(host, port, tls, username, password, sender)


def _keys(env: Env) -> tuple[bytes, ...]:
    name = "TOLLGATE_ALERT_WEBHOOK_KEYS"
    given = env.secret(
        name, default="", doc="base64 of 32 bytes each, by commas, the newest first; empty: none"
    )
    keys: list[bytes] = []
    for text in filter(None, (part.strip() for part in given.split(","))):
        try:
            key = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != _KEY_BYTES:
            env.problem(name, f"expected base64 of {_KEY_BYTES} bytes for each key")
        keys.append(key)
    return tuple(keys)


def _networks(env: Env) -> tuple[Network, ...]:
    name = "TOLLGATE_ALERT_WEBHOOK_NETWORKS"
    found: list[Network] = []
    for text in env.names(name, doc="networks that webhooks may reach though not public"):
        try:
            found.append(ip_network(text))
        except ValueError:
            env.problem(name, "expected networks such as 10.1.0.0/16, by commas")
    return tuple(found)
