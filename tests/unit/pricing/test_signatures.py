"""Signatures of quotes: whoever has the public keys can check them, and nobody can make one."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest

from services.chassis.money import Money
from services.pricing.errors import QuoteSignatureRefused
from services.pricing.signatures import BadKeys, KeyRing
from tests.unit.pricing.signing_keys import CLAIMS, key_set, private, public

RING = KeyRing.parse(key_set(private("a")))


def test_a_signature_says_what_was_signed() -> None:
    verified = RING.verify(RING.sign(CLAIMS))
    assert verified.claims == CLAIMS
    assert verified.key_id == "a"


def test_others_check_it_with_the_public_key_and_any_library() -> None:
    (published,) = RING.public_keys()
    key = jwt.PyJWK({"kty": "OKP", "crv": "Ed25519", "x": published.x}, algorithm="EdDSA")
    options: Any = {"verify_exp": False, "verify_iat": False}
    said = jwt.decode(RING.sign(CLAIMS), key.key, algorithms=["EdDSA"], options=options)
    assert said == {
        "iss": "tollgate/pricing",
        "jti": "quo_1",
        "sub": "alice",
        "iat": 1780315200,
        "exp": 1780318800,
        "spec": "sha256:00",
        "total": 18671,
        "currency": "usd",
        "catalog": "c1",
        "rateCard": "r1",
        "paymentRequired": True,
    }
    assert not hasattr(published, "d")


def test_the_same_quote_has_the_same_signature() -> None:
    assert RING.sign(CLAIMS) == RING.sign(CLAIMS)
    other = replace(CLAIMS, total=Money("usd", 1))
    assert RING.sign(other) != RING.sign(CLAIMS)


def test_what_was_changed_after_it_was_signed_is_refused() -> None:
    head, body, signature = RING.sign(CLAIMS).split(".")
    said = json.loads(urlsafe_b64decode(body + "=="))
    cheaper = urlsafe_b64encode(json.dumps(said | {"total": 1}).encode()).decode().rstrip("=")
    with pytest.raises(QuoteSignatureRefused):
        RING.verify(f"{head}.{cheaper}.{signature}")


def test_no_other_algorithm_and_no_other_kind_of_token_is_taken() -> None:
    said = jwt.decode(RING.sign(CLAIMS), options={"verify_signature": False})
    own = jwt.PyJWK(private("a"), algorithm="EdDSA").key
    typed = {"kid": "a", "typ": "tollgate-quote+jwt"}
    public_bytes = public("a")["x"].ljust(64, "x")
    forged = (
        jwt.encode(said, "", algorithm="none", headers=typed),
        jwt.encode(said, public_bytes, algorithm="HS256", headers=typed),
        jwt.encode(said, own, algorithm="EdDSA", headers={"kid": "a"}),
        jwt.encode(said | {"iss": "else"}, own, algorithm="EdDSA", headers=typed),
        jwt.encode({"iss": said["iss"]}, own, algorithm="EdDSA", headers=typed),
        jwt.encode(said | {"total": 1.5}, own, algorithm="EdDSA", headers=typed),
        jwt.encode(said | {"currency": "zzz"}, own, algorithm="EdDSA", headers=typed),
        "",
        "a.b.c",
        "x" * 5000,
        "é",
    )
    for token in forged:
        with pytest.raises(QuoteSignatureRefused):
            RING.verify(token)


def test_a_signature_of_another_key_is_refused() -> None:
    token = KeyRing.parse(key_set(private("b"))).sign(CLAIMS)
    with pytest.raises(QuoteSignatureRefused):
        RING.verify(token)
    # Under an id that is known, by a key that is not.
    posing = KeyRing.parse(key_set(private("b") | {"kid": "a"})).sign(CLAIMS)
    with pytest.raises(QuoteSignatureRefused):
        RING.verify(posing)


def test_the_last_key_still_verifies_once_another_signs() -> None:
    before = RING.sign(CLAIMS)
    for last in (private("a"), public("a")):
        rotated = KeyRing.parse(key_set(private("b"), last))
        assert rotated.verify(before).key_id == "a"
        assert rotated.verify(rotated.sign(CLAIMS)).key_id == "b"
        assert [key.key_id for key in rotated.public_keys()] == ["b", "a"]


def test_that_its_time_is_over_is_no_reason_to_refuse_a_signature() -> None:
    past = replace(CLAIMS, issue_time=CLAIMS.issue_time - timedelta(days=999))
    past = replace(past, expire_time=CLAIMS.issue_time - timedelta(days=998))
    assert RING.verify(RING.sign(past)).claims == past


def test_without_a_key_nothing_is_signed_and_nothing_verifies() -> None:
    assert KeyRing().sign(CLAIMS) == ""
    assert KeyRing().public_keys() == ()
    with pytest.raises(QuoteSignatureRefused):
        KeyRing().verify(RING.sign(CLAIMS))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("nothing", "is no JSON"),
        ("[]", "expected"),
        ('{"keys": []}', "1 to 20 keys"),
        (key_set(public("a")), "the first key .a. signs, and has no private part"),
        (key_set(private("a"), private("a")), "the same kid"),
        (key_set(private("a") | {"kid": ""}), r"keys\[0\].kid"),
        (key_set(private("a") | {"crv": "X25519"}), "crv Ed25519"),
        (key_set({"kty": "oct", "kid": "k", "k": "c2VjcmV0"}), "kty OKP"),
        (key_set(private("a") | {"d": "short"}), "is no such key"),
        (key_set(private("a") | {"x": private("b")["x"]}), "is no such key|x is not"),
    ],
)
def test_a_file_of_keys_that_cannot_sign_is_refused_without_a_word_of_the_keys(
    text: str, what: str
) -> None:
    with pytest.raises(BadKeys, match=what) as refused:
        KeyRing.parse(text)
    assert private("a")["d"] not in str(refused.value)
