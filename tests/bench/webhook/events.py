"""Signed events with ids of their own, as requests that are ready to be sent."""

import hmac
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from deploy.sandbox.stripe.context import API_VERSION

_PATH = "/api/webhooks/stripe"


@dataclass
class Events:
    """Makes events of one run, none of which any other run has had."""

    secret: str
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    made: int = 0

    def bodies(self, count: int) -> list[tuple[str, bytes]]:
        """Return the ids of the objects of so many paid invoices, and the events that tell so."""
        begin, self.made = self.made, self.made + count
        return [self._body(f"{self.run}{number:08d}") for number in range(begin, begin + count)]

    def signed(self, bodies: Sequence[bytes], path: str = _PATH) -> list[bytes]:
        """Return whole requests, signed now; they are taken for five minutes."""
        moment = int(time.time())
        return [_request(path, body, self._signature(moment, body)) for body in bodies]

    def _signature(self, moment: int, body: bytes) -> str:
        digest = hmac.new(self.secret.encode(), b"%d.%b" % (moment, body), sha256).hexdigest()
        return f"t={moment},v1={digest}"

    def _body(self, number: str) -> tuple[str, bytes]:
        invoice = f"in_{number}"
        event = {
            "id": f"evt_{number}",
            "object": "event",
            "api_version": API_VERSION,
            "created": int(time.time()),
            "livemode": False,
            "pending_webhooks": 1,
            "type": "invoice.paid",
            "data": {"object": _invoice(invoice)},
            "request": {"id": f"req_{number}", "idempotency_key": None},
        }
        return invoice, json.dumps(event, indent=2).encode()


def unsigned(bodies: Sequence[bytes], path: str) -> list[bytes]:
    """Return the same requests for who verifies nothing: as many bytes of headers."""
    blank = f"t=0000000000,v1={'0' * 64}"
    return [_request(path, body, blank) for body in bodies]


def _request(path: str, body: bytes, signature: str) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"User-Agent: Stripe/1.0\r\nStripe-Signature: {signature}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _invoice(name: str) -> dict[str, object]:
    """An invoice of the size that they have: some two thousand bytes."""
    line = {
        "id": f"il_{name}",
        "object": "line_item",
        "amount": 4900,
        "currency": "usd",
        "description": "1 x sessions/professional (at $49.00 / month)",
        "period": {"start": 1_795_000_000, "end": 1_797_600_000},
        "pricing": {"type": "price_details", "price_details": {"price": "price_bench"}},
        "quantity": 1,
    }
    return {
        "id": name,
        "object": "invoice",
        "amount_due": 4900,
        "amount_paid": 4900,
        "billing_reason": "subscription_cycle",
        "currency": "usd",
        "customer": f"cus_{name}",
        "customer_email": "ada@example.com",
        "hosted_invoice_url": f"https://invoice.example/{name}",
        "lines": {"object": "list", "data": [line], "has_more": False},
        "metadata": {"note": "x" * 400},
        "parent": {"subscription_details": {"subscription": f"sub_{name}"}},
        "status": "paid",
        "total": 4900,
    }
