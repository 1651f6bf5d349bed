"""The roles of the sandbox and the claims of their tokens, as a Keycloak realm would send them."""

import enum
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import jwt

from deploy.sandbox.idp.keys import SigningKey

AUDIENCE = "tollgate"
MASTER = "master"
MAX_LIFE = timedelta(hours=24)

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class InvalidGrant(ValueError):  # noqa: N818 - OAuth's word
    """The token that was asked for cannot be: the text says why."""


class Role(enum.Enum):
    """Who a token is for."""

    PLATFORM_ADMIN = "platform-admin"
    ORG_ADMIN = "org-admin"
    PROJECT_USER = "project-user"
    GUEST = "guest"


def parse_role(text: str | Role) -> Role:
    """The role of that name; raises InvalidGrant with those that there are."""
    try:
        return Role(text)
    except ValueError as error:
        known = ", ".join(role.value for role in Role)
        raise InvalidGrant(f"role is one of {known}") from error


_GROUPS: Mapping[Role, tuple[str, ...]] = {
    Role.PLATFORM_ADMIN: ("platform-admin",),
    Role.ORG_ADMIN: ("org-admin", "user"),
    Role.PROJECT_USER: ("user",),
    Role.GUEST: (),
}


@dataclass(frozen=True)
class Grant:
    """What a token is to say. None means the role's own answer; an empty sequence means none.

    A negative `ttl` makes a token that has expired, for those who test that it is refused.
    """

    role: Role
    organization: str
    namespaces: Sequence[str] | None = None
    groups: Sequence[str] | None = None
    sub: str | None = None
    ttl: timedelta = field(default=MAX_LIFE)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.organization):
            raise InvalidGrant(f"{self.organization!r} is not the name of an organization")
        if self.organization == MASTER and self.role is not Role.PLATFORM_ADMIN:
            raise InvalidGrant(f"the realm {MASTER} is for platform admins only")
        if not -MAX_LIFE <= self.ttl <= MAX_LIFE or not self.ttl:
            raise InvalidGrant("ttl is in seconds, at most 86400, and not 0")

    @property
    def realm(self) -> str:
        """Platform admins come from the realm `master`, everybody else from the organization's."""
        return MASTER if self.role is Role.PLATFORM_ADMIN else self.organization


def claims(grant: Grant, issuer: str, now: datetime) -> dict[str, object]:
    """The claims of a token for `grant`; pure. `sub` is the same in each token of a role."""
    realm, role = grant.realm, grant.role.value
    subject = grant.sub or str(uuid.uuid5(uuid.NAMESPACE_URL, f"{realm}/{role}"))
    username = grant.sub or role
    issued = int(now.timestamp())
    expires = issued + int(grant.ttl.total_seconds())
    return {
        "iss": issuer,
        "sub": subject,
        "aud": AUDIENCE,
        "iat": min(issued, expires),
        "exp": expires,
        "org": realm,
        "namespaces": list(_namespaces(grant)),
        "groups": list(_GROUPS[grant.role] if grant.groups is None else grant.groups),
        "email": f"{username}@{realm}.example",
        "preferred_username": username,
        "name": username.replace("-", " ").title(),
    }


def mint(grant: Grant, issuer: str, key: SigningKey, now: datetime) -> str:
    """A signed ES256 token for `grant`; pure but for the signature's own randomness."""
    return jwt.encode(
        claims(grant, issuer, now), key.private, algorithm="ES256", headers={"kid": key.kid}
    )


def _namespaces(grant: Grant) -> Sequence[str]:
    if grant.namespaces is not None:
        return grant.namespaces
    # A project's namespace is <organization>-<project>.
    has_project = grant.role in (Role.ORG_ADMIN, Role.PROJECT_USER)
    return (f"{grant.organization}-demo",) if has_project else ()
