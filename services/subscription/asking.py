"""What people ask with about accounts, and which of them they may see."""

from dataclasses import dataclass
from typing import NamedTuple

from services.subscription.domain import Account, AccountKind
from services.subscription.incoming import Customer
from services.subscription.noticing import BudgetNotice

MAX_NAME = 255


@dataclass(frozen=True, slots=True)
class Sight:
    """Which accounts somebody may see: all, or those of these outside names."""

    everything: bool = False
    names: frozenset[tuple[AccountKind, str]] = frozenset()

    def includes(self, account: Account) -> bool:
        """Tell whether the account may be seen."""
        return self.everything or (account.kind, account.external_id) in self.names


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account with the providers' customers that belong to it.

    ``notices`` is what stands of its budgets, where one account is asked for.
    """

    account: Account
    customers: tuple[Customer, ...] = ()
    notices: tuple[BudgetNotice, ...] = ()


class OutsideName(NamedTuple):
    """What the outside knows an account by."""

    kind: AccountKind
    external_id: str


@dataclass(frozen=True, slots=True)
class AccountRequest:
    """What an account is asked for with. ``request_hash`` is a digest of all but ``request_id``."""

    kind: AccountKind
    external_id: str
    email: str
    customers: tuple[Customer, ...]
    request_id: str
    request_hash: bytes


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page of a list is asked for."""

    size: int = 0
    token: str = ""
