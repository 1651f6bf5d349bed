"""What buying and changing need, and how an answer is given again to the same request."""

from dataclasses import dataclass

from services.chassis.ids import Ids, derived
from services.subscription.auditing import OnceScope
from services.subscription.ports import (
    Payments,
    Pricing,
    Provisioner,
    Store,
    SubscriptionTransactions,
)
from services.subscription.usecases.freshness import Take


@dataclass(frozen=True, slots=True)
class Desk:
    """The store, the other services, and who takes their facts. ``claim`` names a person's own
    account.
    """

    tx: SubscriptionTransactions
    ids: Ids
    claim: str
    pricing: Pricing
    payments: Payments
    provisioner: Provisioner
    take: Take


class _NotYetError(Exception):
    """Rolls a look at an idempotency key back that was not used yet."""


async def first_answer(tx: SubscriptionTransactions, scope: OnceScope) -> str | None:
    """Return what was stored under a key, None if nothing was.

    InvalidArgument IDEMPOTENCY_KEY_REUSED if it was used for another request. Effects outside come
    between this look and the row, so they have keys of their own that are derived from this one.
    """

    async def look(store: Store) -> str:
        return await store.once(scope, _nothing)

    try:
        return await tx.run(look)
    except _NotYetError:
        return None


async def _nothing() -> str:
    raise _NotYetError


@dataclass(frozen=True, slots=True)
class Keys:
    """Idempotency keys for other services, derived from ours: a retry reaches the same objects."""

    scope: OnceScope
    key: str

    def of(self, step: str) -> str:
        """Return the key of one step."""
        scope = self.scope
        return derived("req", scope.account, scope.actor, scope.rpc, self.key, step)


def keys_of(scope: OnceScope, ids: Ids) -> Keys:
    """Return the keys of a request; a request without a key is a new operation."""
    return Keys(scope, scope.key or ids.new("req"))
