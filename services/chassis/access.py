"""Who may call which RPC: a table of each service, denied by default, checked at start."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.chassis.env import StartError
from services.chassis.errors import PermissionDenied, Unauthenticated
from services.chassis.identity import Caller, Principal

ANY_CALLER = "*"
"""In ``Rule.callers``: every service with a certificate of our authority."""


class Role(StrEnum):
    """What a person may be. Each one includes those after it; ``ANY`` is anyone signed in."""

    PLATFORM_ADMIN = "platform-admin"
    ORG_ADMIN = "org-admin"
    PROJECT_USER = "project-user"
    GUEST = "guest"
    ANY = "any"


_ORDER = tuple(Role)


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may call one RPC.

    ``callers`` are services on the internal listener, ``roles`` people on the public one;
    ``anonymous`` lets calls without a token in there (a token that is sent is still verified).
    A rule without roles is not callable from outside.
    """

    callers: frozenset[str] = frozenset()
    roles: frozenset[Role] = frozenset()
    anonymous: bool = False


AccessTable = Mapping[str, Rule]
"""Rules by full method name, such as ``/tollgate.pricing.v1.PricingService/ListPlans``."""

NOBODY = Rule()


def check_complete(methods: Iterable[str], table: AccessTable) -> None:
    """Raise StartError if a method has no rule, or a rule no method (then its name is wrong)."""
    known = set(methods)
    missing = sorted(known - table.keys())
    unknown = sorted(table.keys() - known)
    texts = [f"no access rule for {name}" for name in missing]
    texts += [f"an access rule for {name}, which is not served" for name in unknown]
    if texts:
        raise StartError("The access table is wrong: " + "; ".join(texts) + ".")


def roles_of(principal: Principal) -> frozenset[Role]:
    """Return every role that a principal holds; a service that acts for itself holds none."""
    if principal.kind != "user":
        return frozenset()
    if principal.is_platform_admin:
        return frozenset(_ORDER)
    if principal.is_org_admin:
        return frozenset(_ORDER[1:])
    if principal.is_project_user:
        return frozenset(_ORDER[2:])
    return frozenset(_ORDER[3:])


def admit_person(rule: Rule, principal: Principal | None) -> None:
    """Let a call on the public listener pass, or raise Unauthenticated or PermissionDenied."""
    if rule.anonymous:
        return
    if principal is None:
        raise Unauthenticated("Sign in first.", reason="SIGN_IN_REQUIRED")
    if not rule.roles & roles_of(principal):
        raise _denied()


def admit_service(
    rule: Rule, caller: Caller, principal: Principal, edges: frozenset[str] = frozenset()
) -> None:
    """Let a call on the internal listener pass, or raise PermissionDenied.

    ``edges`` are callers that bring people in from outside: those people are held to the rule's
    roles here, as they would be on the public listener. Behind the edge, whoever called on decided.
    """
    if caller.service not in rule.callers and ANY_CALLER not in rule.callers:
        raise PermissionDenied("This service may not call this.", reason="CALLER_NOT_ALLOWED")
    from_outside = caller.service in edges and principal.kind == "user"
    if from_outside and rule.roles and not rule.roles & roles_of(principal):
        raise _denied()


def _denied() -> PermissionDenied:
    return PermissionDenied("Your role does not allow this.", reason="ROLE_NOT_ALLOWED")
