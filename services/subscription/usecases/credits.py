"""What is left of an account's credits."""

from services.subscription.ledger import Pool
from services.subscription.ports import Store


async def credits_left(store: Store, account: str, pool: str) -> int:
    """Return what an account may still spend of a pool, without what is held.

    A pool is the name of a catalog whose plans grant credits.
    """
    return (await store.balance(Pool(account, pool))).available
