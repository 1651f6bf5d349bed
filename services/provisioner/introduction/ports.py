"""What an introduction needs of the store."""

from collections.abc import Sequence
from typing import Protocol

from services.chassis.transactions import Transactions


class IntroductionStore(Protocol):
    """Who was told of every tenant, within one transaction."""

    async def is_introduced(self, destination: str) -> bool:
        """Tell whether somebody was told of every tenant."""
        ...

    async def introduced(self, destination: str) -> None:
        """Note that somebody was told of every tenant."""
        ...

    async def forgotten(self, destination: str) -> None:
        """Note that somebody is not told any more."""
        ...

    async def tell(self, destination: str, after: str, limit: int) -> Sequence[str]:
        """Write what was last seen of tenants with ids above ``after``, for one destination.

        Return their ids, in order. The fact is the one of the tenant's last revision: who has it
        takes it for a repetition.
        """
        ...


IntroductionTransactions = Transactions[IntroductionStore]
"""Transactions on it."""
