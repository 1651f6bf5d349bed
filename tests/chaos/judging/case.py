"""One purchase before the judge: what was done, and what the services know of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.catalogs import Sold
from tests.chaos.evidence import Evidence, Obj, Row
from tests.chaos.people import Deed
from tests.chaos.plan import Channel, Purchase, Standing

MARKED_ACCOUNT = "tollgate_account"
"""Under this key our objects at the provider name their account."""
LIVE = ("active", "trialing", "past_due")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong; ``who`` is a purchase's name, or empty for the whole."""

    who: str
    what: str

    def __str__(self) -> str:
        return f"{self.who or 'everything'}: {self.what}"


@dataclass(frozen=True, slots=True)
class Case:
    """A deed, and the accounts that its customer has."""

    deed: Deed
    accounts: tuple[str, ...]
    evidence: Evidence
    sold: Mapping[str, Sold]

    @property
    def purchase(self) -> Purchase:
        """What was planned."""
        return self.deed.purchase

    @property
    def standing(self) -> Standing:
        """What has to stand."""
        return self.purchase.standing

    @property
    def is_organization(self) -> bool:
        """Whether it buys over the gateway."""
        return self.purchase.channel is Channel.GATEWAY

    @property
    def account(self) -> str:
        """Its one account, empty if it has none."""
        return self.accounts[0] if len(self.accounts) == 1 else ""

    @property
    def interval(self) -> str:
        """How often it pays."""
        return "year" if self.purchase.yearly else "month"

    def of_account(self, table: str) -> list[Row]:
        """Return the account's rows of a table."""
        return [row for row in self.evidence.table(table) if row["account"] in self.accounts]

    def of_customer(self, kind: str) -> list[Obj]:
        """Return the customer's objects at the provider."""
        found = self.evidence.provider.get(kind, [])
        return [
            item for item in found if self.deed.customer and item["customer"] == self.deed.customer
        ]

    def wrong(self, what: str) -> Finding:
        """Return a finding about this case."""
        return Finding(self.purchase.name, what)


def cases_of(deeds: Iterable[Deed], evidence: Evidence, sold: Mapping[str, Sold]) -> Sequence[Case]:
    """Return each deed with the accounts that are its customer's."""
    by_customer: dict[str, set[str]] = {}
    for row in evidence.table("subscription.customers"):
        if row["account"]:
            by_customer.setdefault(row["customer_id"], set()).add(row["account"])
    by_name = {
        row["external_id"]: row["name"]
        for row in evidence.table("subscription.accounts")
        if row["kind"] == "ORGANIZATION"
    }
    found = []
    for deed in deeds:
        accounts = set(by_customer.get(deed.customer, ()))
        if deed.purchase.channel is Channel.GATEWAY and deed.purchase.name in by_name:
            accounts.add(by_name[deed.purchase.name])
        found.append(Case(deed, tuple(sorted(accounts)), evidence, sold))
    return found
