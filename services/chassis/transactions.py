"""The port through which a use case runs a transaction."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

S_co = TypeVar("S_co", covariant=True)
T = TypeVar("T")


class Transactions(Protocol[S_co]):
    """Runs a function in one transaction on a store."""

    async def run(self, fn: Callable[[S_co], Awaitable[T]], *, timeout: float = 10.0) -> T:
        """Commit what ``fn`` did through the store it is given, and return its result.

        ``fn`` may run more than once: after a serialization failure, a deadlock or a lost
        connection the whole of it runs again, until ``timeout`` seconds are over (then
        Unavailable). A lost connection may also hide a commit that did happen, so ``fn`` must be
        safe to apply twice: derived ids, idempotency rows, conditional writes. It has no effect
        outside the store. Any other exception rolls back and propagates.
        """
        ...

    async def single(self, fn: Callable[[S_co], Awaitable[T]], *, timeout: float = 10.0) -> T:
        """Run ``fn``, which sends one statement at most, without a transaction around it.

        A statement is a transaction by itself: BEGIN and COMMIT would be two more round trips. What
        holds for ``run`` holds here, except that two statements would be two transactions.
        """
        ...
