"""Logs: JSON lines with a trace id, and no secret in them."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from opentelemetry import trace

from services.chassis.redact import HIDDEN, redact, redact_text
from services.chassis.telemetry import configure_logging, remote_parent, remote_span

JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"


@pytest.fixture
def out() -> Iterator[io.BytesIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    found = io.BytesIO()
    configure_logging("pricing", "info", found)
    yield found
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)


def lines_of(out: io.BytesIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    "key",
    [
        "authorization",
        "Authorization",
        "access_token",
        "token",
        "client_secret",
        "clientSecret",
        "password",
        "card",
        "number",
        "cvc",
        "Set-Cookie",
        "stripe_api_key",
        "private_key",
    ],
)
def test_what_stands_under_a_secret_name_is_hidden(key: str) -> None:
    assert redact(None, "info", {key: "something"})[key] == HIDDEN


def test_secrets_are_found_within_other_values() -> None:
    event = redact(
        None,
        "info",
        {
            "event": f"called with Bearer {JWT}",
            "request": {"headers": [{"x": 1, "token": "abc"}], "plan": "pro"},
            "problem": "cannot reach postgresql://pricing:hunter2@db:5432/tollgate",
            "note": "4242 4242 4242 4242 and sk_test_abcdefghijk and whsec_abcdefghij",
            "raw_bytes": b"\x00",
        },
    )
    text = repr(event)
    for secret in (JWT, "abc'", "hunter2", "4242", "sk_test", "whsec"):
        assert secret not in text
    assert event["request"] == {"headers": [{"x": 1, "token": HIDDEN}], "plan": "pro"}
    assert "db:5432" in text


def test_a_secret_is_hidden_again_and_again_whatever_stood_there_before() -> None:
    for value in ("fine", f"Bearer {JWT}", "fine", f"Bearer {JWT}"):
        shown = redact(None, "info", {"event": value, "password": "fine"})
        assert JWT not in str(shown["event"])
        assert shown["password"] == HIDDEN


@pytest.mark.parametrize(
    ("traceparent", "known"),
    [
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", True),
        ("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-more", True),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", False),
        ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", False),
        ("00-00000000000000000000000000000000-b7ad6b7169203331-01", False),
        ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", False),
        ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", False),
        ("nonsense", False),
        ("", False),
    ],
)
def test_a_trace_is_continued_as_w3c_says_or_begun_anew(traceparent: str, known: bool) -> None:
    assert (remote_parent(traceparent) is not None) is known
    parent = remote_parent(traceparent)
    if parent is not None:
        span = trace.get_current_span(parent).get_span_context()
        assert (span.is_remote, f"{span.trace_id:032x}") == (True, traceparent[3:35])


def test_what_is_no_secret_stays() -> None:
    for text in ("acc_01jd7m0000000000000000000a", "2026-11-20T12:00:00Z", "127.0.0.1:9001"):
        assert redact_text(text) == text
    event = {
        "method": "/a.B/C",
        "ms": 1.5,
        "reason": "UNKNOWN_PLAN",
        "trace_id": "0af7651916cd43dd",
    }
    assert redact(None, "info", dict(event)) == event


def test_a_line_is_json_with_service_level_and_trace(out: io.BytesIO) -> None:
    with remote_span("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "work"):
        structlog.get_logger().info("did it", plan="pro", token="abc")
    (line,) = lines_of(out)
    del line["timestamp"]
    assert line == {
        "event": "did it",
        "level": "info",
        "service": "pricing",
        "plan": "pro",
        "token": HIDDEN,
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
    }


def test_an_exception_is_told_without_the_secrets_in_its_text(out: io.BytesIO) -> None:
    try:
        raise OSError(f"refused Bearer {JWT}")
    except OSError as error:
        structlog.get_logger().error("failed", exc_info=error)
    (line,) = lines_of(out)
    assert "OSError" in str(line["exception"])
    assert JWT not in str(line)


def test_what_libraries_log_becomes_a_line_too(out: io.BytesIO) -> None:
    logging.getLogger("some.library").warning("connection to %s lost", "db")
    logging.getLogger("some.library").info("chatter")
    (line,) = lines_of(out)
    assert (line["event"], line["logger"]) == ("connection to db lost", "some.library")


def test_what_is_below_the_level_is_not_written(out: io.BytesIO) -> None:
    structlog.get_logger().debug("detail")
    assert out.getvalue() == b""
