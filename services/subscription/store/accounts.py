"""SQL of accounts and of the customers that belong to them."""

from collections.abc import Sequence
from dataclasses import astuple

from services.chassis.db import Connection
from services.subscription.domain import Account, AccountKind, LastPage
from services.subscription.incoming import Customer
from services.subscription.store.rows import to_account

# A row that is there is written as it is, which locks it.
_LOCK_CUSTOMER = """
INSERT INTO customers AS known (provider, provider_account, customer_id) VALUES ($1, $2, $3)
ON CONFLICT (provider, provider_account, customer_id) DO UPDATE SET account = known.account
RETURNING account
"""
_OWNER = """
SELECT account FROM customers WHERE provider = $1 AND provider_account = $2 AND customer_id = $3
"""
_ATTACHED = ", ".join(
    f"{table}_of AS (UPDATE {table} SET account = $4 WHERE provider = $1 "  # noqa: S608 - constants
    "AND provider_account = $2 AND customer_id = $3 AND account IS NULL)"
    for table in ("purchases", "invoices", "snapshots")
)
# What waits for a customer is written under its lock, so the snapshot of this has all of it.
_BIND = f"""
WITH {_ATTACHED}
UPDATE customers SET account = $4
WHERE provider = $1 AND provider_account = $2 AND customer_id = $3
"""  # noqa: S608 - constants
_ADD = """
INSERT INTO accounts (name, kind, external_id, email, create_time) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING RETURNING true
"""
_READ = "SELECT * FROM accounts WHERE name = $1"
_LOCK = "SELECT * FROM accounts WHERE name = $1 FOR NO KEY UPDATE"
_NAMED = "SELECT * FROM accounts WHERE kind = $1 AND external_id = $2 AND external_id <> ''"
_CUSTOMERS = """
SELECT provider, provider_account, customer_id FROM customers WHERE account = $1 ORDER BY 1, 2, 3
"""


_PAGE = "SELECT ask_hash, quote, checkout_id FROM pages WHERE account = $1"
_SAVE_PAGE = """
INSERT INTO pages (account, ask_hash, quote, checkout_id) VALUES ($1, $2, $3, $4)
ON CONFLICT (account) DO UPDATE SET ask_hash = excluded.ask_hash, quote = excluded.quote,
    checkout_id = excluded.checkout_id, update_time = now()
"""


class AccountSql:
    """Accounts and customers on PostgreSQL; see the port."""

    _connection: Connection
    _locked: dict[Customer, str]  # whose the customers are that this transaction holds

    async def lock_customer(self, customer: Customer) -> str:
        """Make the customer's row if needed, lock it, and return its account or nothing."""
        if customer not in self._locked:
            account = await self._connection.fetchval(_LOCK_CUSTOMER, *customer)
            self._locked[customer] = account or ""
        return self._locked[customer]

    async def bind_customer(self, customer: Customer, account: str) -> None:
        """Give a locked customer to an account, with everything that waited for it."""
        await self._connection.execute(_BIND, *customer, account)
        self._locked[customer] = account

    async def add_account(self, account: Account) -> bool:
        """Add an account; False if its outside name is taken."""
        added = await self._connection.fetchval(
            _ADD,
            account.name,
            account.kind.value,
            account.external_id,
            account.email,
            account.create_time,
        )
        return bool(added)

    async def account(self, name: str) -> Account | None:
        """Return an account."""
        row = await self._connection.fetchrow(_READ, name)
        return to_account(row) if row else None

    async def account_named(self, kind: AccountKind, external_id: str) -> Account | None:
        """Return the account of an outside name."""
        row = await self._connection.fetchrow(_NAMED, kind.value, external_id)
        return to_account(row) if row else None

    async def lock_account(self, name: str) -> Account | None:
        """Return an account and keep everybody else from changing it."""
        row = await self._connection.fetchrow(_LOCK, name)
        return to_account(row) if row else None

    async def customers(self, account: str) -> Sequence[Customer]:
        """Return the customers of an account, sorted."""
        return [Customer(*row) for row in await self._connection.fetch(_CUSTOMERS, account)]

    async def owner_of(self, customer: Customer) -> str:
        """Return whose customer it is, without a lock."""
        return await self._connection.fetchval(_OWNER, *customer) or ""

    async def last_page(self, account: str) -> LastPage | None:
        """Return the last page that was made for an account."""
        row = await self._connection.fetchrow(_PAGE, account)
        return LastPage(*row) if row else None

    async def save_page(self, account: str, page: LastPage) -> None:
        """Note a page as the account's last."""
        await self._connection.execute(_SAVE_PAGE, account, *astuple(page))
