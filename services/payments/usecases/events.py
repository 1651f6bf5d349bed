"""What operators ask about events, and what is kept of them."""

from dataclasses import replace
from datetime import timedelta

from services.chassis.clock import Clock
from services.chassis.transactions import Transactions
from services.payments.domain import Identity, ProviderStatus
from services.payments.errors import ProviderOff, UnknownEvent
from services.payments.events import Cursor, EventPage, EventState, Replay, StoredEvent, judge
from services.payments.pinning import KeyState
from services.payments.ports import AuditEntry, OnceKey, Provider, Store

BODIES_KEPT = timedelta(days=30)
PURGE_BATCH = 500
REPLAY_RPC = "ReplayEvent"


def get_provider(provider: Provider, key: KeyState) -> ProviderStatus:
    """Return the provider that is on."""
    return ProviderStatus(provider.name, provider.capabilities, key.identity)


async def list_events(
    tx: Transactions[Store], state: EventState | None, after: Cursor | None, size: int
) -> EventPage:
    """Return a page of stored events, newest first."""
    found = await tx.run(lambda store: store.list_events(state, after, size + 1))
    page = tuple(found[:size])
    more = len(found) > size
    return EventPage(page, Cursor(page[-1].receive_time, page[-1].event.id) if more else None)


async def replay_event(
    tx: Transactions[Store], provider: Provider, key: KeyState, asked: Replay
) -> StoredEvent:
    """Judge an event anew and have its object fetched and its facts sent again.

    Raises UnknownEvent, ProviderOff, KeyNotVerified. Facts take effect once, so it is safe to
    repeat.
    """
    pinned = _pinned(provider, key)

    async def replay(store: Store) -> StoredEvent:
        async def produce() -> str:
            await _reopen(store, provider, pinned, asked)
            return asked.event_id

        # Events belong to no account.
        once = OnceKey("", asked.actor, REPLAY_RPC, asked.request_id)
        event_id = await store.once(once, asked.content_hash, produce)
        return await _find(store, provider, event_id)

    return await tx.run(replay)


def _pinned(provider: Provider, key: KeyState) -> Identity:
    if not provider.capabilities.webhooks:
        raise ProviderOff("No payment provider is on, so nothing can be fetched.")
    return key.pinned()


async def _reopen(store: Store, provider: Provider, pinned: Identity, asked: Replay) -> None:
    stored = await _find(store, provider, asked.event_id)
    root = provider.root(stored.event.type, stored.event.object_id)
    judgement = judge(replace(stored.event, root=root), pinned)
    await store.reopen(provider.name, asked.event_id, judgement, root)
    if judgement.state is EventState.PENDING and root is not None:
        await store.enqueue([root])
    await store.audit(
        AuditEntry(
            actor=asked.actor,
            action="payments.events.replay",
            object=asked.event_id,
            reason=asked.reason,
            trace_id=asked.trace_id,
            details={"was": stored.judgement.state.value, "is": judgement.state.value},
        )
    )


async def _find(store: Store, provider: Provider, event_id: str) -> StoredEvent:
    found = await store.event(provider.name, event_id)
    if found is None:
        raise UnknownEvent(f"No event {event_id} of {provider.name} was ever stored.")
    return found


async def drop_old_bodies(tx: Transactions[Store], clock: Clock) -> int:
    """Drop bodies that are older than 30 days; returns how many. The ids of events stay."""
    before = clock.now() - BODIES_KEPT
    dropped = 0
    while True:
        batch = await tx.single(lambda store: store.drop_bodies(before, PURGE_BATCH))
        dropped += batch
        if batch < PURGE_BATCH:
            return dropped
