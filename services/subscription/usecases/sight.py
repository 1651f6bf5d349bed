"""Who may see which accounts, and make which."""

from services.chassis.errors import PermissionDenied
from services.chassis.identity import MASTER_REALM, Principal
from services.subscription.asking import Sight
from services.subscription.domain import Account, AccountKind
from services.subscription.errors import NotTheAdmin, NotYours, UnknownAccount
from services.subscription.ports import Store

SUBJECT_CLAIM = "sub"
CLAIMS = (SUBJECT_CLAIM, "email")
"""What a user's account may be named by; see TOLLGATE_KUBE_USER_CLAIM."""


def outside_name(principal: Principal, claim: str) -> str:
    """Return the name that a person's own account has, by the claim that is configured."""
    return principal.subject if claim == SUBJECT_CLAIM else principal.email


def sight_of(principal: Principal, claim: str) -> Sight:
    """Return which accounts somebody may see.

    Services may see all (which ones may ask is the access table's); a person sees the own account,
    an org-admin also the organization's.
    """
    if principal.kind == "service" or principal.is_platform_admin:
        return Sight(everything=True)
    names = set()
    if outside_name(principal, claim):
        names.add((AccountKind.USER, outside_name(principal, claim)))
    if principal.is_org_admin:
        names.add((AccountKind.ORGANIZATION, principal.organization))
    return Sight(names=frozenset(names))


def require_operator(principal: Principal) -> None:
    """Let services and platform admins pass, raise PermissionDenied for others."""
    if principal.kind != "service" and not principal.is_platform_admin:
        raise PermissionDenied("Only operators may see this.", reason="ROLE_NOT_ALLOWED")


def require_may_create(
    principal: Principal, claim: str, kind: AccountKind, external_id: str, *, binds: bool
) -> None:
    """Let somebody make this account, or raise NotYours.

    A person may make the own account, an org-admin the organization's. Binding a customer hands
    over what it paid for, so only operators and services may.
    """
    sight = sight_of(principal, claim)
    if sight.everything:
        return
    if binds:
        raise NotYours("Only operators may bind customers to an account.")
    if (kind, external_id) not in sight.names:
        raise NotYours("You may only make your own account.")


async def visible_account(store: Store, sight: Sight, name: str) -> Account:
    """Return an account, or raise UnknownAccount also if it may not be seen."""
    account = await store.account(name)
    if account is None or not sight.includes(account):
        raise UnknownAccount(name)
    return account


def is_member(principal: Principal, account: Account) -> bool:
    """Tell whether a person is of the organization that an account is."""
    person = principal.kind == "user" and principal.realm != MASTER_REALM
    own = bool(principal.organization) and principal.organization == account.external_id
    return person and own and account.kind is AccountKind.ORGANIZATION


def require_may_change(principal: Principal, claim: str, account: Account | None) -> Account | None:
    """Return the account if somebody may change what it has and pays, None if it is not theirs.

    NotTheAdmin for a member of the organization who is no admin of it.
    """
    if account is None or sight_of(principal, claim).includes(account):
        return account
    if is_member(principal, account):
        raise NotTheAdmin
    return None


async def changeable_account(store: Store, principal: Principal, claim: str, name: str) -> Account:
    """Return an account that somebody may change; UnknownAccount, or NotTheAdmin."""
    account = require_may_change(principal, claim, await store.account(name))
    if account is None:
        raise UnknownAccount(name)
    return account
