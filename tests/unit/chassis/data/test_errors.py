"""Refusals carry code and reason by type, and retry is decided by type."""

import pytest

from services.chassis.errors import (
    GENERIC,
    Aborted,
    Code,
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    Refusal,
    ResourceExhausted,
    Unavailable,
    Violations,
    is_transient,
)


class UnknownPlan(NotFound):
    """A refusal as a service writes one."""

    reason = "UNKNOWN_PLAN"


def test_a_refusal_says_code_reason_and_what_would_help() -> None:
    refusal = UnknownPlan("No such plan.", metadata={"plan": "gold"})
    assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "UNKNOWN_PLAN")
    assert (str(refusal), refusal.metadata) == ("No such plan.", {"plan": "gold"})


def test_a_reason_that_is_passed_on_changes_no_other_refusal() -> None:
    assert NotFound("x", reason="ELSEWHERE").reason == "ELSEWHERE"
    assert NotFound("x").reason == "NOT_FOUND"


def test_every_code_has_its_generic_refusal() -> None:
    assert {code: kind.code for code, kind in GENERIC.items()} == {code: code for code in Code}


def test_transient_is_a_matter_of_type() -> None:
    for kind in (Unavailable, Aborted, DeadlineExceeded, ResourceExhausted):
        assert is_transient(kind("later"))
    assert not is_transient(UnknownPlan("try again later, unavailable"))
    assert not is_transient(OSError("unavailable"))


def test_all_bad_fields_are_told_at_once() -> None:
    violations = Violations()
    violations.raise_if_any()
    violations.add("lines[0].amount", "is negative")
    violations.add("currency", "is missing")
    with pytest.raises(InvalidArgument) as refused:
        violations.raise_if_any()
    refusal: Refusal = refused.value
    assert refusal.reason == "INVALID_FIELDS"
    assert [bad.field for bad in refusal.fields] == ["lines[0].amount", "currency"]
