"""Who acts: the person or service behind the current call, and the service that made it."""

from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

from services.chassis.errors import Unauthenticated
from services.chassis.scoped import Scoped

PLATFORM_ADMIN_GROUP = "platform-admin"
ORG_ADMIN_GROUP = "org-admin"
PROJECT_USER_GROUP = "user"
MASTER_REALM = "master"
_REALMS = "/realms/"


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified actor. Everything here was proven by a token or a certificate.

    ``namespaces`` are full names of the namespaces the person may enter, ``groups`` the raw groups
    of the token. A person of the realm ``master`` has no organization.
    """

    subject: str
    kind: Literal["user", "service"]
    issuer: str = ""
    email: str = ""
    organization: str = ""
    namespaces: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def realm(self) -> str:
        """The realm of the issuer, empty if it has none."""
        _, found, realm = self.issuer.rpartition(_REALMS)
        return realm.strip("/") if found else ""

    @property
    def is_platform_admin(self) -> bool:
        """Runs the platform; only the realm ``master`` can say so."""
        return self._is_user and self.realm == MASTER_REALM and PLATFORM_ADMIN_GROUP in self.groups

    @property
    def is_org_admin(self) -> bool:
        """May change what the own organization has and pays."""
        return self._is_member and ORG_ADMIN_GROUP in self.groups

    @property
    def is_project_user(self) -> bool:
        """May work in at least one project of the own organization."""
        return self._is_member and (PROJECT_USER_GROUP in self.groups or bool(self.namespaces))

    @property
    def is_guest(self) -> bool:
        """Signed in, and nothing more."""
        named = self.is_platform_admin or self.is_org_admin or self.is_project_user
        return self._is_user and not named

    @property
    def _is_user(self) -> bool:
        return self.kind == "user"

    @property
    def _is_member(self) -> bool:
        # A realm that is called master is the platform's, whatever its tokens claim to be in.
        return self._is_user and bool(self.organization) and self.realm != MASTER_REALM


@dataclass(frozen=True, slots=True)
class Caller:
    """The service whose certificate made the call, as its SPIFFE name says."""

    service: str


_principal: ContextVar[Principal | None] = ContextVar("tollgate_principal", default=None)
_caller: ContextVar[Caller | None] = ContextVar("tollgate_caller", default=None)


def current() -> Principal:
    """Return who acts; raise Unauthenticated if nobody is signed in."""
    principal = _principal.get()
    if principal is None:
        raise Unauthenticated("Sign in first.", reason="SIGN_IN_REQUIRED")
    return principal


def current_or_none() -> Principal | None:
    """Return who acts, or None for an anonymous call."""
    return _principal.get()


def acting(principal: Principal) -> AbstractContextManager[None]:
    """Act as this principal within the block, in this task and those it starts."""
    return Scoped(_principal, principal)


def current_caller() -> Caller | None:
    """Return the service that made the call, or None on the public listener."""
    return _caller.get()


def called_by(caller: Caller) -> AbstractContextManager[None]:
    """Note within the block which service made the call."""
    return Scoped(_caller, caller)
