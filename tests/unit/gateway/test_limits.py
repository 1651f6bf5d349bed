"""How often one person may call."""

import pytest

from services.chassis.callrate import CallRate
from services.chassis.errors import ResourceExhausted
from services.chassis.identity import Principal
from tests.unit.gateway.world import ADMIN, HandClock


def test_a_minutes_calls_may_come_at_once_and_flow_back_evenly() -> None:
    clock = HandClock()
    rate = CallRate(60, clock)
    for _ in range(60):
        rate.take(ADMIN)
    with pytest.raises(ResourceExhausted) as refused:
        rate.take(ADMIN)
    assert refused.value.retry_after == pytest.approx(1.0)
    clock.seconds += 2.0
    rate.take(ADMIN)
    rate.take(ADMIN)
    with pytest.raises(ResourceExhausted):
        rate.take(ADMIN)


def test_a_refused_call_does_not_put_the_next_one_off() -> None:
    clock = HandClock()
    rate = CallRate(1, clock)
    rate.take(ADMIN)
    for _ in range(10):
        clock.seconds += 5.9
        with pytest.raises(ResourceExhausted):
            rate.take(ADMIN)
    clock.seconds += 1.1
    rate.take(ADMIN)


def test_the_same_subject_of_another_issuer_is_somebody_else() -> None:
    rate = CallRate(1, HandClock())
    for realm in ("acme", "other"):
        rate.take(Principal("ada", "user", f"https://login.example/realms/{realm}"))


def test_nobody_is_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.chassis.callrate._MAX_CALLERS", 2)
    rate = CallRate(1, HandClock())
    for name in ("a", "b", "c"):
        rate.take(Principal(name, "user"))
    rate.take(Principal("a", "user"))
    with pytest.raises(ResourceExhausted):
        rate.take(Principal("c", "user"))
