"""Gives accounts tiers of the rate card, by hand. For operators."""

from collections.abc import Sequence

from services.chassis.errors import PermissionDenied, Violations
from services.chassis.paging import Page, from_token, page_size, to_token
from services.pricing.changes import Change
from services.pricing.ports import PricingTransactions, Store
from services.pricing.tiers import HeldTier, TierRequest
from services.pricing.usecases.asking import Asker
from services.pricing.usecases.prices import card_of

_RPC = "SetAccountTier"


async def set_account_tier(tx: PricingTransactions, asker: Asker, asked: TierRequest) -> HeldTier:
    """Give an account a tier of the card in force, or take it away; a replay changes nothing.

    InvalidArgument, IdempotencyConflict; PermissionDenied unless an operator asks.
    """
    _require_operator(asker)
    bad = Violations()
    asked.check(bad)
    bad.raise_if_any()

    async def act(store: Store) -> HeldTier:
        async def produce() -> str:
            await _require_tier(store, asked.tier)
            time = await store.set_tier(asked.account, asked.tier)
            await store.audit(_change(asker, asked))
            return HeldTier(asked.account, asked.tier, time).to_answer()

        answer = await store.once(
            asker.subject, _RPC, asked.request_id, asked.request_hash, produce
        )
        return HeldTier.of_answer(answer)

    return await tx.run(act)


async def list_account_tiers(
    tx: PricingTransactions, asker: Asker, asked_size: int, token: str
) -> Page[HeldTier]:
    """Return a page of the accounts that have a tier, by name.

    InvalidArgument; PermissionDenied unless an operator asks.
    """
    _require_operator(asker)
    size, key = page_size(asked_size), from_token(token, str)
    after = str(key[0]) if key else ""

    async def read(store: Store) -> Sequence[HeldTier]:
        return await store.tiers(after, size + 1)

    found = await tx.single(read)
    more = len(found) > size
    return Page(found[:size], to_token(found[size - 1].account) if more else "")


def _require_operator(asker: Asker) -> None:
    if not asker.operator:
        raise PermissionDenied("Only operators may do this.", reason="ROLE_NOT_ALLOWED")


async def _require_tier(store: Store, tier: str) -> None:
    card = await card_of(store)
    if tier and tier not in card.account_tiers:
        bad = Violations()
        tiers = ", ".join(card.account_tiers) or "none, the rate card in force has no tiers"
        bad.add("tier", f"expected one of {tiers}, got {tier[:80]!r}")
        bad.raise_if_any()


def _change(asker: Asker, asked: TierRequest) -> Change:
    action = "tier.set" if asked.tier else "tier.remove"
    reason = f"{asked.tier}: {asked.reason}" if asked.tier else asked.reason
    return Change(asker.subject, action, asked.account, reason, asker.trace_id)
