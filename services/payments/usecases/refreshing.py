"""Refreshing: a subscription is fetched because somebody is about to decide by it (rule 2).

Its events may be late, and a decision about money must not rest on late news. No event is answered
for and none is settled: what is known here is only ahead of them for a while. No lease is needed
either: a ticket is drawn before the fetch, and the ticket orders what is written. So a fold that
began earlier writes nothing over this, and this writes nothing over a fold that began later; who
asked is told so, and asks again.
"""

import asyncio

from services.chassis.deadline import budget
from services.payments.binding import Home
from services.payments.domain import ObjectRef, RootKind
from services.payments.effects import apply
from services.payments.errors import (
    NotOurs,
    ObjectOutOfReach,
    Overtaken,
    ProviderUnreachable,
    TooManyFetches,
    UnknownSubscription,
)
from services.payments.events import EventState
from services.payments.facts import SubscriptionState
from services.payments.folding import FETCHES_PER_SECOND
from services.payments.operations import Selling
from services.payments.ports import Turn
from services.payments.views import Projection

PATIENCE = 8.0
"""Seconds that one fetch may take; less if the caller waits less."""


async def refresh_subscription(
    selling: Selling, subscription_id: str, traceparent: str = ""
) -> SubscriptionState:
    """Return a subscription as the provider has it now, at the revision that its row has by then.

    If it is news, its fact is appended in the same transaction, and so is every payment that the
    fetch shows. Raises UnknownSubscription, TooManyFetches, Overtaken, NotOurs, ProviderOff,
    KeyNotVerified, ProviderUnreachable, KeyRefused, ObjectUnreadable.
    """
    account = selling.pinned().account
    root = ObjectRef(RootKind.SUBSCRIPTION, subscription_id)
    # Somebody waits for the answer, so no token is left to others.
    turn = Turn(f"{selling.provider.name}:{root.kind}", FETCHES_PER_SECOND)
    start = await selling.tx.single(lambda store: store.begin_fetch(turn))
    if start.wait > 0:
        raise TooManyFetches("Too much is being fetched just now.", retry_after=start.wait)
    seen = await _fetch(selling, root)
    home = Home(selling.provider.name, account, selling.deployment)
    applied = await selling.tx.run(
        lambda store: apply(store, home, seen, (), start.ticket, traceparent)
    )
    if applied.judgement.state is not EventState.DONE:
        raise NotOurs(
            f"{subscription_id} is not of this deployment, as far as is proven.",
            metadata={"verdict": applied.judgement.reason},
        )
    if applied.subscription.state is None:
        raise Overtaken(f"{subscription_id} was fetched again meanwhile.")
    return applied.subscription.state


async def _fetch(selling: Selling, root: ObjectRef) -> Projection:
    try:
        async with asyncio.timeout(budget(PATIENCE)):
            return await selling.provider.fold(root)
    except TimeoutError as exc:
        raise ProviderUnreachable(f"The provider did not show {root.id} in time.") from exc
    except ObjectOutOfReach as exc:
        raise UnknownSubscription(f"The provider shows no {root.id}.") from exc
