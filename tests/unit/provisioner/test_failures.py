"""What the Kubernetes client raises, by class and stable reason, never by text."""

import asyncio
from typing import Any

import aiohttp
import orjson
import pytest
from kubernetes.aio.client.exceptions import ApiException

from services.chassis.errors import Refusal, is_transient
from services.provisioner.errors import (
    ClusterForbidden,
    ClusterTimeout,
    ClusterUnavailable,
    HistoryExpired,
    NamespaceTerminating,
    ObjectChanged,
    ObjectExists,
    ObjectGone,
    ObjectInvalid,
)
from services.provisioner.kube.failures import to_refusal
from services.provisioner.kube.writes import OwnWrites


def answer(status: int, headers: dict[str, str] | None = None, **body: Any) -> ApiException:
    error = ApiException(status=status, reason="", body=orjson.dumps(body).decode())
    error.headers = headers or {}
    return error


CASES: list[tuple[BaseException, type[Refusal], bool]] = [
    (answer(409, reason="AlreadyExists"), ObjectExists, False),
    (answer(409, reason="Conflict"), ObjectChanged, True),
    (answer(404, reason="NotFound"), ObjectGone, True),
    (answer(410, reason="Expired"), HistoryExpired, True),
    (answer(403, reason="Forbidden"), ClusterForbidden, False),
    (answer(401, reason="Unauthorized"), ClusterForbidden, False),
    (
        answer(403, reason="Forbidden", details={"causes": [{"reason": "NamespaceTerminating"}]}),
        NamespaceTerminating,
        True,
    ),
    (answer(422, reason="Invalid"), ObjectInvalid, False),
    (answer(400, reason="BadRequest"), ObjectInvalid, False),
    (answer(500), ClusterUnavailable, True),
    (answer(503), ClusterUnavailable, True),
    (aiohttp.ClientConnectionError("no route"), ClusterUnavailable, True),
    (ConnectionRefusedError("no"), ClusterUnavailable, True),
    (TimeoutError(), ClusterTimeout, True),
    (asyncio.TimeoutError(), ClusterTimeout, True),  # noqa: UP041 - the client may raise either
]


@pytest.mark.parametrize(("error", "kind", "again"), CASES)
def test_a_failure_is_told_by_its_type(
    error: BaseException, kind: type[Refusal], again: bool
) -> None:
    refusal = to_refusal(error)
    assert type(refusal) is kind
    assert is_transient(refusal) is again


def test_an_overloaded_server_says_when_to_come_back() -> None:
    refusal = to_refusal(answer(429, {"Retry-After": "7"}, message="slow down"))
    assert isinstance(refusal, ClusterUnavailable)
    assert refusal.retry_after == 7.0
    assert refusal.message == "slow down"


def test_an_answer_of_something_in_between_is_understood_by_its_code() -> None:
    error = ApiException(status=502, reason="", body="<html>bad gateway</html>")
    assert type(to_refusal(error)) is ClusterUnavailable


def test_only_the_latest_writes_are_remembered() -> None:
    writes = OwnWrites(kept=2)
    for version in ("1", "2", "3"):
        writes.note(version)
    assert [writes.are_ours(version) for version in ("1", "2", "3")] == [False, True, True]
