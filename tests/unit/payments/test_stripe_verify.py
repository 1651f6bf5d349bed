"""What the Stripe provider believes, and the stable reason for everything it does not."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from services.payments.domain import ObjectRef, RootKind
from services.payments.events import MAX_BODY_BYTES, Outcome, RawRequest, Refused, VerifiedEvent
from services.payments.providers.stripe import envelope
from services.payments.providers.stripe.provider import StripeProvider
from services.payments.providers.stripe.settings import StripeSettings
from tests.fakes.chassis import ManualClock

PATH = "/webhooks/stripe"
OLD, NEW = "whsec_old", "whsec_new"
SETTINGS = StripeSettings("sk_test_key", {PATH: (NEW, OLD), "/off": ()}, "http://127.0.0.1:1")

EVENT: Mapping[str, Any] = {
    "id": "evt_1",
    "object": "event",
    "type": "checkout.session.completed",
    "api_version": "2026-10-28.endive",
    "created": 1_767_225_600,
    "livemode": False,
    "data": {"object": {"id": "cs_test_1", "object": "checkout.session", "client_secret": "x"}},
}
BODY = orjson.dumps(EVENT)


def provider() -> StripeProvider:
    return StripeProvider(SETTINGS, ManualClock())


def now() -> int:
    return int(ManualClock().now().timestamp())


def digest(body: bytes, secret: str, at: int) -> str:
    return hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()


def header(body: bytes, secret: str = NEW, at: int | None = None) -> str:
    at = now() if at is None else at
    return f"t={at},v1={digest(body, secret, at)}"


def verify(body: bytes, signature: str | None, path: str = PATH) -> VerifiedEvent | Refused:
    headers = {} if signature is None else {"stripe-signature": signature}
    return provider().verify(RawRequest("stripe", path, headers, body))


def test_a_signed_event_is_believed_and_only_its_envelope_is_read() -> None:
    event = verify(BODY, header(BODY))
    assert isinstance(event, VerifiedEvent)
    assert (event.id, event.object_id, event.livemode) == ("evt_1", "cs_test_1", False)
    assert event.root == ObjectRef(RootKind.CHECKOUT, "cs_test_1")


def test_every_secret_of_a_path_counts_so_that_one_can_be_rotated() -> None:
    assert isinstance(verify(BODY, header(BODY, OLD)), VerifiedEvent)


def test_one_good_signature_among_bad_ones_is_enough() -> None:
    at = now()
    signature = f"t={at},v1={'0' * 64},v1={digest(BODY, NEW, at)},v0=abc"
    assert isinstance(verify(BODY, signature), VerifiedEvent)


@pytest.mark.parametrize("seconds", [-300, 300])
def test_the_tolerance_is_five_minutes_both_ways(seconds: int) -> None:
    assert isinstance(verify(BODY, header(BODY, at=now() + seconds)), VerifiedEvent)


MANY = ",".join(f"v1={'0' * 64}" for _ in range(17))

BAD_SIGNATURES: dict[str, tuple[str | None, str]] = {
    "no header": (None, "SIGNATURE_MISSING"),
    "empty header": ("", "SIGNATURE_MISSING"),
    "no pairs": ("hello", "SIGNATURE_MALFORMED"),
    "no time": (f"v1={'0' * 64}", "SIGNATURE_MALFORMED"),
    "no signature": (f"t={now()}", "SIGNATURE_MALFORMED"),
    "two times": (f"t={now()},t={now()},v1={'0' * 64}", "SIGNATURE_MALFORMED"),
    "time in words": (f"t=now,v1={'0' * 64}", "SIGNATURE_MALFORMED"),
    "negative time": (f"t=-1,v1={'0' * 64}", "SIGNATURE_MALFORMED"),
    "digits of another script": (f"t=١٢,v1={'0' * 64}", "SIGNATURE_MALFORMED"),
    "endless time": (f"t={'9' * 13},v1={'0' * 64}", "SIGNATURE_MALFORMED"),
    "short signature": (f"t={now()},v1=abc", "SIGNATURE_MALFORMED"),
    "not ascii": (f"t={now()},v1={'é' * 64}", "SIGNATURE_MALFORMED"),
    "17 signatures": (f"t={now()},{MANY}", "SIGNATURE_MALFORMED"),
    "huge header": (f"t={now()},v1={'0' * 64}{',x=y' * 2000}", "SIGNATURE_MALFORMED"),
    "old scheme only": (f"t={now()},v0={'0' * 64}", "SIGNATURE_MALFORMED"),
    "stale": (header(BODY, at=now() - 301), "SIGNATURE_STALE"),
    "future": (header(BODY, at=now() + 301), "SIGNATURE_FUTURE"),
    "wrong secret": (header(BODY, "whsec_other"), "SIGNATURE_INVALID"),
    "empty secret": (header(BODY, ""), "SIGNATURE_INVALID"),
    "other body": (header(BODY + b" "), "SIGNATURE_INVALID"),
    "other time": (
        f"t={now() - 1},v1={digest(BODY, NEW, now())}",
        "SIGNATURE_INVALID",
    ),
}


@pytest.mark.parametrize("case", BAD_SIGNATURES)
def test_a_bad_signature_is_refused_with_its_reason(case: str) -> None:
    signature, reason = BAD_SIGNATURES[case]
    assert verify(BODY, signature) == Refused(reason)


def changed(**changes: object) -> bytes:
    return orjson.dumps({**EVENT, **changes})


BAD_BODIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "BODY_NOT_JSON"),
    "not utf-8": (b'{"id": "\xff"}', "BODY_NOT_UTF8"),
    "cut off": (BODY[:-1], "BODY_NOT_JSON"),
    "NaN": (b'{"id": NaN}', "BODY_NOT_JSON"),
    "raw NUL": (BODY.replace(b"evt_1", b"evt\x00"), "BODY_NOT_JSON"),
    "too deep": (b"[" * 200 + b"]" * 200, "BODY_TOO_DEEP"),
    "much too deep": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "BODY_TOO_DEEP"),
    "a list": (b"[]", "NOT_AN_EVENT"),
    "a word": (b'"evt_1"', "NOT_AN_EVENT"),
    "another object": (changed(object="charge"), "NOT_AN_EVENT"),
    "a thin event": (changed(object="v2.core.event"), "NOT_AN_EVENT"),
    "no id": (changed(id=None), "NOT_AN_EVENT"),
    "id of another type": (changed(id=7), "NOT_AN_EVENT"),
    "long id": (changed(id="e" * 256), "NOT_AN_EVENT"),
    "id with NUL": (changed(id="evt\0"), "NOT_AN_EVENT"),
    "id with a line break": (changed(id="evt_1\n"), "NOT_AN_EVENT"),
    "no type": (changed(type=""), "NOT_AN_EVENT"),
    "type with NUL": (changed(type="a\0b"), "NOT_AN_EVENT"),
    "long type": (changed(type="a." * 200 + "a"), "NOT_AN_EVENT"),
    "no time": (changed(created=None), "NOT_AN_EVENT"),
    "time as text": (changed(created="1"), "NOT_AN_EVENT"),
    "time as truth": (changed(created=True), "NOT_AN_EVENT"),
    "time beyond time": (changed(created=10**18), "NOT_AN_EVENT"),
    "mode as text": (changed(livemode="false"), "NOT_AN_EVENT"),
    "no mode": (changed(livemode=None), "NOT_AN_EVENT"),
    "account with NUL": (changed(account="a\0"), "NOT_AN_EVENT"),
    "version with NUL": (changed(api_version="a\0"), "NOT_AN_EVENT"),
    "no data": (changed(data=None), "NOT_AN_EVENT"),
    "no object": (changed(data={}), "NOT_AN_EVENT"),
    "object as text": (changed(data={"object": "cs_1"}), "NOT_AN_EVENT"),
    "object without id": (changed(data={"object": {}}), "NOT_AN_EVENT"),
    "object id with NUL": (changed(data={"object": {"id": "cs\0"}}), "NOT_AN_EVENT"),
    "object id as list": (changed(data={"object": {"id": ["cs"]}}), "NOT_AN_EVENT"),
}


@pytest.mark.parametrize("case", BAD_BODIES)
def test_a_signed_body_that_is_no_event_is_refused_with_its_reason(case: str) -> None:
    body, reason = BAD_BODIES[case]
    assert verify(body, header(body)) == Refused(reason)


def test_nothing_is_parsed_before_the_signature_holds() -> None:
    bomb = b"[" * 200_000
    assert verify(bomb, f"t={now()},v1={'0' * 64}") == Refused("SIGNATURE_INVALID")


def test_brackets_in_texts_are_not_depth() -> None:
    deep_text = changed(note="[{" * 500)
    assert isinstance(verify(deep_text, header(deep_text)), VerifiedEvent)


def test_wide_is_not_deep() -> None:
    wide = changed(list=[{} for _ in range(1000)])
    assert isinstance(verify(wide, header(wide)), VerifiedEvent)


def test_depth_is_bounded_exactly() -> None:
    fits = changed(data={"object": {"id": "cs_1", "a": nested(envelope.MAX_DEPTH - 3)}})
    over = changed(data={"object": {"id": "cs_1", "a": nested(envelope.MAX_DEPTH - 2)}})
    assert isinstance(verify(fits, header(fits)), VerifiedEvent)
    assert verify(over, header(over)) == Refused("BODY_TOO_DEEP")


def nested(depth: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(depth - 1):
        inner = [inner]
    return inner


def test_a_body_over_a_mebibyte_is_too_large_before_its_signature_is_tried() -> None:
    body = b" " * (MAX_BODY_BYTES + 1)
    assert verify(body, header(body)) == Refused("TOO_LARGE", Outcome.TOO_LARGE)


@pytest.mark.parametrize("path", ["/off", "/webhooks/other", ""])
def test_nothing_listens_on_a_path_without_secrets(path: str) -> None:
    assert verify(BODY, header(BODY), path) == Refused("", Outcome.NO_PROVIDER)


def test_an_event_about_something_without_id_is_taken_if_nobody_handles_it() -> None:
    body = changed(type="balance.available", data={"object": {"object": "balance"}})
    event = verify(body, header(body))
    assert isinstance(event, VerifiedEvent)
    assert (event.object_id, event.root) == ("", None)


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [
        ("checkout.session.async_payment_succeeded", RootKind.CHECKOUT),
        ("checkout.session.async_payment_failed", RootKind.CHECKOUT),
        ("customer.subscription.created", RootKind.SUBSCRIPTION),
        ("customer.subscription.updated", RootKind.SUBSCRIPTION),
        ("customer.subscription.deleted", RootKind.SUBSCRIPTION),
        ("customer.subscription.paused", RootKind.SUBSCRIPTION),
        ("customer.subscription.resumed", RootKind.SUBSCRIPTION),
        ("invoice.paid", RootKind.INVOICE),
        ("invoice.payment_succeeded", RootKind.INVOICE),
        ("invoice.payment_failed", RootKind.INVOICE),
    ],
)
def test_each_handled_type_names_the_object_to_fetch(event_type: str, kind: RootKind) -> None:
    assert provider().root(event_type, "x_1") == ObjectRef(kind, "x_1")


def test_settings_show_no_secret() -> None:
    shown = repr(SETTINGS)
    assert NEW not in shown
    assert "sk_test_key" not in shown
