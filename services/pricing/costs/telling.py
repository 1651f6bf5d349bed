"""How people are told of an alert: by mail, and by a signed webhook. Values and rules; pure.

A webhook is signed as Standard Webhooks says, with a secret that is the budget's own and follows
from a key of the process: no secret is kept.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from urllib.parse import urlsplit

import orjson

from services.chassis.errors import Violations
from services.chassis.ids import derived
from services.pricing.costs.budgets import Alert, Basis, Budget, BudgetWish

MOST_EMAILS = 5
LONGEST_ERROR = 200
RETRY_AFTER = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds before each further try, as Standard Webhooks recommends; after the last it is over."""
_LONGEST_EMAIL = 254
_LONGEST_URL = 2048
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_SECRET_OF = b"tollgate budget webhook\x00"
_WORDS = {Basis.SPENT: "spent", Basis.FORECAST: "expected by the month's end"}


class Channel(StrEnum):
    """How somebody is told."""

    MAIL = "MAIL"
    WEBHOOK = "WEBHOOK"


class DeliveryState(StrEnum):
    """How far it is."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    GIVEN_UP = "GIVEN_UP"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one target; its subject and body are the same at each try.

    ``last_error`` is for who made the budget: it tells nothing of the network inside.
    """

    name: str
    alert: str
    budget: str
    channel: Channel
    target: str
    subject: str
    body: str
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    last_error: str = ""


class NotDelivered(Exception):  # noqa: N818 - an outcome, not a malfunction
    """A try failed; the text says why. ``for_good``: no other try would do better."""

    def __init__(self, why: str, *, for_good: bool = False) -> None:
        super().__init__(why[:LONGEST_ERROR])
        self.for_good = for_good


@dataclass(frozen=True, slots=True)
class Telling:
    """The ways that are on: mail or not, and the keys that secrets follow from, the newest first.

    Without a key there are no webhooks.
    """

    mail: bool = False
    webhook_keys: tuple[bytes, ...] = ()

    def secrets_of(self, budget: str) -> list[bytes]:
        """Return what a budget's webhook is signed with; the first is what its owner is told."""
        content = _SECRET_OF + budget.encode()
        return [hmac.digest(key, content, hashlib.sha256) for key in self.webhook_keys]


def check_targets(
    wish: BudgetWish, telling: Telling, own_only: str | None, bad: Violations
) -> None:
    """Note targets that are none, or not the asker's to name.

    ``own_only`` is the one address that may be named, None for any.
    """
    if len(wish.emails) > MOST_EMAILS:
        bad.add("budget.emails", f"expected at most {MOST_EMAILS}")
    elif wish.emails and not telling.mail:
        bad.add("budget.emails", "mail is off here")
    else:
        _check_emails(wish.emails, own_only, bad)
    if wish.webhook_url and not telling.webhook_keys:
        bad.add("budget.webhook_url", "webhooks are off here")
    elif wish.webhook_url:
        problem = _problem_of_url(wish.webhook_url)
        if problem:
            bad.add("budget.webhook_url", problem)


def _check_emails(emails: Sequence[str], own_only: str | None, bad: Violations) -> None:
    for place, email in enumerate(emails):
        where = f"budget.emails[{place}]"
        if len(email) > _LONGEST_EMAIL or _EMAIL.fullmatch(email) is None:
            bad.add(where, "expected an address such as ada@example.com")
        elif email.lower() in (other.lower() for other in emails[:place]):
            bad.add(where, "stands twice")
        elif own_only is not None and email.lower() != own_only.lower():
            bad.add(
                where, f"expected your own address {own_only!r}" if own_only else "is not yours"
            )


def _problem_of_url(url: str) -> str:
    if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        return f"expected an https URL of at most {_LONGEST_URL} printable ASCII characters"
    try:
        parts = urlsplit(url)
        named = parts.scheme == "https" or (parts.scheme == "http" and _is_inside(parts.hostname))
        if named and parts.hostname and "@" not in parts.netloc and parts.port != 0:
            return "" if not parts.fragment else "expected no fragment"
    except ValueError:
        return "expected an https URL"
    return "expected an https URL with a host, and no user in it"


def _is_inside(host: str | None) -> bool:
    """Tell whether a host could be one that an operator allows without TLS."""
    return host == "localhost" or bool(
        host and re.fullmatch(r"[0-9.]+|[0-9a-f:.]*:[0-9a-f:.]*", host)
    )


def deliveries_of(alert: Alert, budget: Budget) -> list[Delivery]:
    """Return who is to be told of an alert of this budget."""
    subject = f"Budget {budget.display_name}: {alert.threshold.percent} % in {alert.month}"
    targets = [(Channel.MAIL, email, _letter(alert, budget)) for email in budget.emails]
    if budget.webhook_url:
        targets.append((Channel.WEBHOOK, budget.webhook_url, _event(alert, budget)))
    return [
        Delivery(
            name=derived("adl", alert.name, channel, target),
            alert=alert.name,
            budget=budget.name,
            channel=channel,
            target=target,
            subject=subject if channel is Channel.MAIL else "",
            body=body,
        )
        for channel, target, body in targets
    ]


def signature(secrets: Sequence[bytes], webhook_id: str, second: int, body: str) -> str:
    """Return the header ``webhook-signature``: one signature for each secret."""
    content = f"{webhook_id}.{second}.{body}".encode()
    signed = (hmac.digest(secret, content, hashlib.sha256) for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signed)


def written_secret(secret: bytes) -> str:
    """Return a secret as its owner gives it to a library of Standard Webhooks."""
    return f"whsec_{base64.b64encode(secret).decode()}"


def _letter(alert: Alert, budget: Budget) -> str:
    percent, basis = alert.threshold.percent, alert.threshold.basis
    words = _WORDS[basis] if basis else ""
    return (
        f"The budget “{budget.display_name}” ({budget.name}) is {alert.amount} "
        f"for {alert.month} (UTC).\n\n"
        f"{alert.found} are {words}: that is at or above its threshold of {percent} %.\n\n"
        "This is told once for each threshold and month. Nothing was stopped or changed.\n"
    )


def _event(alert: Alert, budget: Budget) -> str:
    basis = alert.threshold.basis
    return orjson.dumps(
        {
            "type": "budget.threshold_passed",
            "timestamp": alert.create_time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "data": {
                "id": alert.name,
                "budget": budget.name,
                "displayName": budget.display_name,
                "filter": dict(budget.filter.terms()),
                "month": alert.month,
                "threshold": {
                    "percent": alert.threshold.percent,
                    "basis": basis.lower() if basis else None,
                },
                # As texts: a reader's float would not be exact.
                "amount": f"{alert.amount.to_decimal():f}",
                "found": f"{alert.found.to_decimal():f}",
                "currency": alert.amount.currency.upper(),
            },
        }
    ).decode()
