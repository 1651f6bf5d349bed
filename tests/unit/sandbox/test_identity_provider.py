"""The claims of the sandbox's tokens, and the life of its signing keys."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from deploy.sandbox.idp.claims import AUDIENCE, Grant, InvalidGrant, Role, claims, mint, parse_role
from deploy.sandbox.idp.keys import KeyStore

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ISSUER = "http://127.0.0.1:1/realms/acme"


@pytest.mark.parametrize(
    ("role", "org", "groups", "namespaces"),
    [
        (Role.PLATFORM_ADMIN, "master", ["platform-admin"], []),
        (Role.ORG_ADMIN, "acme", ["org-admin", "user"], ["acme-demo"]),
        (Role.PROJECT_USER, "acme", ["user"], ["acme-demo"]),
        (Role.GUEST, "acme", [], []),
    ],
)
def test_each_role_has_its_groups_and_namespaces(
    role: Role, org: str, groups: list[str], namespaces: list[str]
) -> None:
    said = claims(Grant(role, "acme"), ISSUER, NOW)
    assert (said["org"], said["groups"], said["namespaces"]) == (org, groups, namespaces)


def test_a_token_says_who_for_whom_and_for_how_long() -> None:
    said = claims(Grant(Role.ORG_ADMIN, "acme"), ISSUER, NOW)
    assert said["iss"] == ISSUER
    assert said["aud"] == "tollgate"
    assert said["iat"] == int(NOW.timestamp())
    assert said["exp"] == int((NOW + timedelta(hours=24)).timestamp())
    assert said["email"] == "org-admin@acme.example"
    assert said["preferred_username"] == "org-admin"
    assert said["name"] == "Org Admin"


def test_the_subject_is_the_same_in_each_token_and_differs_by_organization() -> None:
    first, again, other = (
        claims(Grant(Role.GUEST, organization), ISSUER, moment)["sub"]
        for organization, moment in (
            ("acme", NOW),
            ("acme", NOW + timedelta(days=1)),
            ("globex", NOW),
        )
    )
    assert first == again != other


def test_what_is_asked_for_takes_the_place_of_the_roles_own() -> None:
    grant = Grant(Role.PROJECT_USER, "acme", namespaces=["acme-x"], groups=[], sub="jane")
    said = claims(grant, ISSUER, NOW)
    assert said["namespaces"] == ["acme-x"]
    assert said["groups"] == []
    assert said["sub"] == said["preferred_username"] == "jane"


@pytest.mark.parametrize(
    ("role", "organization", "ttl"),
    [
        (Role.GUEST, "../etc", timedelta(hours=1)),
        (Role.GUEST, "", timedelta(hours=1)),
        (Role.ORG_ADMIN, "master", timedelta(hours=1)),
        (Role.GUEST, "acme", timedelta(hours=25)),
        (Role.GUEST, "acme", timedelta()),
    ],
)
def test_a_grant_that_cannot_be_is_refused(role: Role, organization: str, ttl: timedelta) -> None:
    with pytest.raises(InvalidGrant):
        Grant(role, organization, ttl=ttl)


def test_an_unknown_role_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidGrant, match="platform-admin, org-admin, project-user, guest"):
        parse_role("king")


def test_a_negative_life_makes_a_token_that_verifies_as_expired(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path, lambda: NOW)
    key = keys.rotate("acme")
    token = mint(Grant(Role.GUEST, "acme", ttl=timedelta(seconds=-60)), ISSUER, key, NOW)
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(token, key.private.public_key(), algorithms=["ES256"], audience=AUDIENCE)


def test_keys_outlive_the_process_and_differ_by_realm(tmp_path: Path) -> None:
    first = KeyStore(tmp_path, lambda: NOW)
    for realm in ("acme", "master"):
        first.ensure(realm)
    second = KeyStore(tmp_path, lambda: NOW)
    second.ensure("acme")
    assert second.realms() == ["acme", "master"]
    assert second.jwks("acme") == first.jwks("acme") != first.jwks("master")
    assert (tmp_path / "acme.json").stat().st_mode & 0o777 == 0o600


def test_a_replaced_key_stays_published_as_long_as_its_tokens_live(tmp_path: Path) -> None:
    moment = [NOW]
    keys = KeyStore(tmp_path, lambda: moment[0])
    old, new = keys.rotate("acme"), keys.rotate("acme")
    assert keys.current("acme").kid == new.kid
    moment[0] = NOW + timedelta(hours=24)
    assert [key["kid"] for key in keys.jwks("acme")["keys"]] == [new.kid, old.kid]
    moment[0] = NOW + timedelta(hours=26)
    assert [key["kid"] for key in keys.jwks("acme")["keys"]] == [new.kid]
    assert KeyStore(tmp_path, lambda: NOW).current("acme").kid == new.kid


def test_the_published_keys_hold_no_private_part(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path, lambda: NOW)
    keys.rotate("acme")
    assert set(keys.jwks("acme")["keys"][0]) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
