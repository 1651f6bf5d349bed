"""Money, periods, cards, signatures, limits: the sandbox's small rules."""

from datetime import UTC, datetime

import pytest
import stripe

from deploy.sandbox.stripe import cards, money, sign
from deploy.sandbox.stripe.limits import Fault, Limits
from deploy.sandbox.stripe.periods import period_end
from deploy.sandbox.stripe.shapes import difference, merge_metadata
from deploy.sandbox.stripe.signing import sign_all


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("49.00", "usd", 4900),
        ("49", "usd", 4900),
        ("0.1", "eur", 10),
        ("5000", "jpy", 5000),
        ("1.234", "kwd", 1234),
        ("0", "usd", 0),
    ],
)
def test_amounts_become_minor_units_exactly(amount: str, currency: str, units: int) -> None:
    assert money.minor_units(amount, currency) == units


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("0.005", "usd"),
        ("1.5", "jpy"),
        ("-1", "usd"),
        ("NaN", "usd"),
        ("Infinity", "usd"),
        ("x", "usd"),
    ],
)
def test_an_amount_that_does_not_fit_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(ValueError, match=r"decimal amount|minor units"):
        money.minor_units(amount, currency)


def test_amounts_are_shown_with_their_currency_s_decimals() -> None:
    assert money.shown(4900, "usd") == "49.00 USD"
    assert money.shown(5000, "jpy") == "5000 JPY"


@pytest.mark.parametrize(
    ("start", "interval", "count", "end"),
    [
        ("2026-01-31", "month", 1, "2026-02-28"),
        ("2028-02-29", "year", 1, "2029-02-28"),
        ("2026-12-15", "month", 1, "2027-01-15"),
        ("2026-11-30", "month", 3, "2027-02-28"),
        ("2026-02-25", "week", 1, "2026-03-04"),
        ("2026-02-28", "day", 2, "2026-03-02"),
    ],
)
def test_periods_end_by_the_calendar(start: str, interval: str, count: int, end: str) -> None:
    begun = int(datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp())
    ended = datetime.fromtimestamp(period_end(begun, interval, count), tz=UTC)
    assert ended.date().isoformat() == end


def test_every_test_card_has_a_valid_number_and_its_own_last_digits() -> None:
    assert all(cards.valid_number(card.number) for card in cards.CARDS)
    assert len({card.last4 for card in cards.CARDS}) == len(cards.CARDS)
    assert all(cards.find_last4(card.last4) == card for card in cards.CARDS)


@pytest.mark.parametrize("number", ["", "4242", "4242424242424241", "4242x42424242424", "٤" * 16])
def test_a_wrong_number_is_told_from_a_right_one(number: str) -> None:
    assert not cards.valid_number(number)


def test_a_card_of_the_real_world_is_refused() -> None:
    decline = cards.find("4111111111111111").decline
    assert decline is not None
    assert decline.decline_code == "test_mode_live_card"


def test_the_official_library_accepts_a_signature() -> None:
    payload, now = b'{"id": "evt_1"}', int(datetime.now(UTC).timestamp())
    header = sign(payload, "whsec_a", now)
    assert stripe.WebhookSignature.verify_header(payload.decode(), header, "whsec_a", 300)
    both = sign_all(payload, ["whsec_old", "whsec_new"], now)
    for secret in ("whsec_old", "whsec_new"):
        assert stripe.WebhookSignature.verify_header(payload.decode(), both, secret, 300)
    old = sign(payload, "whsec_a", now - 301)
    for wrong, secret in ((old, "whsec_a"), (header, "whsec_b")):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.WebhookSignature.verify_header(payload.decode(), wrong, secret, 300)


def test_the_limit_slides_and_is_one_per_endpoint() -> None:
    limits = Limits(per_endpoint=2)
    assert [limits.admit("a", at) for at in (0.0, 0.5, 0.9)] == [True, True, False]
    assert limits.admit("b", 0.9)
    assert limits.admit("a", 1.0)
    assert not limits.admit("a", 1.4)
    assert limits.admit("a", 1.5)


def test_a_fault_is_used_up_by_the_calls_it_is_for() -> None:
    limits = Limits(faults=[Fault(500, 2, method="POST", path="/v1/refunds")])
    assert limits.fault("GET", "/v1/refunds") is None
    assert limits.fault("POST", "/v1/customers") is None
    met = [limits.fault("POST", "/v1/refunds") for _ in range(3)]
    assert [fault is not None for fault in met] == [True, True, False]


def test_a_difference_tells_old_values_of_what_changed_only() -> None:
    old = {"a": 1, "b": {"c": 1, "d": 2}, "e": {"gone": "x"}, "f": [1]}
    new = {"a": 1, "b": {"c": 3, "d": 2}, "e": {"new": "y"}, "f": [2]}
    assert difference(old, new) == {"b": {"c": 1}, "e": {"gone": "x", "new": None}, "f": [1]}


def test_metadata_is_merged_key_by_key() -> None:
    old = {"a": "1", "b": "2"}
    assert merge_metadata(old, {"b": "", "c": "3"}) == {"a": "1", "c": "3"}
    assert merge_metadata(old, None) == {}
