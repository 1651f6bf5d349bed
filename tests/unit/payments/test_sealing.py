"""Sealed bodies: readable with the key, for the row they belong to, and in no other way."""

import pytest

from services.payments.errors import BodyUnreadable
from services.payments.events import Sealed
from services.payments.sealing import Sealer

OLD, NEW = b"o" * 32, b"n" * 32


def test_what_was_sealed_opens_and_does_not_show() -> None:
    sealer = Sealer([NEW])
    sealed = sealer.seal(b"client_secret", "stripe/evt_1")
    assert b"client_secret" not in sealed.blob
    assert "client_secret" not in repr(sealed)
    assert sealer.open(sealed, "stripe/evt_1") == b"client_secret"


def test_the_same_body_never_seals_alike() -> None:
    sealer = Sealer([NEW])
    assert sealer.seal(b"x", "a").blob != sealer.seal(b"x", "a").blob


def test_a_new_key_in_front_seals_and_the_old_one_still_opens() -> None:
    before = Sealer([OLD]).seal(b"body", "row")
    rotated = Sealer([NEW, OLD])
    assert rotated.open(before, "row") == b"body"
    assert rotated.seal(b"body", "row").key_id != before.key_id


def test_a_body_does_not_open_for_another_row_or_after_a_change_or_without_its_key() -> None:
    sealer = Sealer([NEW])
    sealed = sealer.seal(b"body", "row")
    altered = Sealed(sealed.key_id, sealed.blob[:-1] + bytes([sealed.blob[-1] ^ 1]))
    for broken, name, keys in (
        (sealed, "other row", [NEW]),
        (altered, "row", [NEW]),
        (Sealed(sealed.key_id, b""), "row", [NEW]),
        (sealed, "row", [OLD]),
    ):
        with pytest.raises(BodyUnreadable):
            Sealer(keys).open(broken, name)


@pytest.mark.parametrize("keys", [[], [b"short"]])
def test_keys_of_another_length_are_refused(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(keys)
