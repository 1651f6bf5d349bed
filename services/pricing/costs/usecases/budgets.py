"""Budgets: made, read, changed, deleted."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from services.chassis.errors import Violations
from services.chassis.ids import Ids
from services.chassis.money import Money
from services.chassis.paging import Page, from_token, page_size, to_token
from services.pricing.changes import Change
from services.pricing.costs.budgets import Budget, BudgetWish, check_budget
from services.pricing.costs.errors import EtagMismatch, NoWebhook, UnknownBudget
from services.pricing.costs.notices import taken_back
from services.pricing.costs.ports import CostTransactions, Store
from services.pricing.costs.sight import Asker, require_sight
from services.pricing.costs.telling import Telling, check_targets, written_secret

_LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class BudgetChange:
    """A change as it was asked for. ``etag`` is empty where any state may be changed.

    ``request_id`` is the idempotency key, ``request_hash`` says what it is for.
    """

    request_id: str
    request_hash: bytes
    name: str = ""
    etag: str = ""


async def create_budget(
    tx: CostTransactions,
    ids: Ids,
    asker: Asker,
    asked: BudgetChange,
    wish: BudgetWish,
    telling: Telling,
) -> Budget:
    """Make a budget; the same key gives the same budget back. InvalidArgument, NotYourCosts."""
    amount = _checked(asker, wish, telling)

    async def produce(store: Store) -> str:
        now = await store.now()
        name = ids.new("bud")
        await store.add_budget(
            Budget(
                name,
                wish.display_name,
                wish.filter,
                amount,
                wish.thresholds,
                now,
                now,
                emails=wish.emails,
                webhook_url=wish.webhook_url,
            )
        )
        await store.audit(_change(asker, "budget.create", name))
        return name

    return await _changed(tx, asker, "CreateBudget", asked, produce)


async def update_budget(
    tx: CostTransactions,
    asker: Asker,
    asked: BudgetChange,
    wish: BudgetWish,
    telling: Telling,
) -> Budget:
    """Change a budget as a whole. InvalidArgument, NotYourCosts, UnknownBudget, EtagMismatch."""
    amount = _checked(asker, wish, telling)

    async def produce(store: Store) -> str:
        before = await _to_change(store, asker, asked)
        after = replace(
            before,
            display_name=wish.display_name,
            filter=wish.filter,
            amount=amount,
            thresholds=wish.thresholds,
            emails=wish.emails,
            webhook_url=wish.webhook_url,
            update_time=await store.now(),
            revision=before.revision + 1,
        )
        await store.save_budget(after)
        await _take_back(store, asked.name)
        await store.audit(_change(asker, "budget.update", asked.name))
        return asked.name

    return await _changed(tx, asker, "UpdateBudget", asked, produce)


async def delete_budget(tx: CostTransactions, asker: Asker, asked: BudgetChange) -> None:
    """Delete a budget; its alerts stay. UnknownBudget, EtagMismatch."""
    _check_key(asked)

    async def act(store: Store) -> None:
        async def produce() -> str:
            await _to_change(store, asker, asked)
            await _take_back(store, asked.name)
            await store.delete_budget(asked.name)
            await store.audit(_change(asker, "budget.delete", asked.name))
            return asked.name

        await store.once(asker.actor, "DeleteBudget", asked.request_id, asked.request_hash, produce)

    await tx.run(act)


async def get_budget(tx: CostTransactions, asker: Asker, name: str) -> Budget:
    """Return a budget; UnknownBudget also for one that the caller may not see."""
    return await tx.run(lambda store: find_budget(store, asker, name))


async def list_budgets(
    tx: CostTransactions, asker: Asker, asked_size: int, token: str
) -> Page[Budget]:
    """Return a page of the budgets that the caller may see, oldest first."""
    size, key = page_size(asked_size), from_token(token, str)
    after = str(key[0]) if key else ""
    found = await tx.run(lambda store: store.budgets(asker, after, size + 1))
    page = found[:size]
    return Page(page, to_token(page[-1].name) if len(found) > size else "")


async def webhook_secret(tx: CostTransactions, asker: Asker, telling: Telling, name: str) -> str:
    """Return what a budget's webhook is signed with. UnknownBudget, NoWebhook."""
    budget = await get_budget(tx, asker, name)
    secrets = telling.secrets_of(name)
    if not budget.webhook_url or not secrets:
        raise NoWebhook(f"Budget {name} has no webhook.", metadata={"budget": name})
    return written_secret(secrets[0])


async def find_budget(store: Store, asker: Asker, name: str, *, locked: bool = False) -> Budget:
    """Return a budget that the caller may see, or raise UnknownBudget."""
    found = await store.budget(name, locked=locked)
    if found is None or not asker.may_see(found.filter):
        raise UnknownBudget(f"There is no budget {name}.", metadata={"budget": name})
    return found


def _checked(asker: Asker, wish: BudgetWish, telling: Telling) -> Money:
    """Return the amount of a budget; InvalidArgument names every bad field, NotYourCosts."""
    bad = Violations()
    check_budget(wish, bad)
    # Who may write to anybody is who answers for an organization, or runs the platform.
    answers = asker.everything or (
        asker.organization != "" and wish.filter.organization == asker.organization
    )
    check_targets(wish, telling, None if answers else asker.email, bad)
    bad.raise_if_any()
    require_sight(asker, wish.filter)
    return Money(wish.currency, wish.minor_units)


async def _to_change(store: Store, asker: Asker, asked: BudgetChange) -> Budget:
    found = await find_budget(store, asker, asked.name, locked=True)
    if asked.etag and asked.etag != found.etag:
        raise EtagMismatch(
            f"Budget {asked.name} was changed since you read it; read it again.",
            metadata={"budget": asked.name, "etag": found.etag},
        )
    return found


async def _take_back(store: Store, budget: str) -> None:
    """Take back what was told of a budget, whose lock is held: it is of what the budget was."""
    notice = taken_back((await store.notices([budget])).get(budget))
    if notice is not None:
        await store.tell(notice)


async def _changed(
    tx: CostTransactions,
    asker: Asker,
    rpc: str,
    asked: BudgetChange,
    produce: Callable[[Store], Awaitable[str]],
) -> Budget:
    _check_key(asked)

    async def act(store: Store) -> Budget:
        async def made() -> str:
            return await produce(store)

        name = await store.once(asker.actor, rpc, asked.request_id, asked.request_hash, made)
        # A replay is authorised like the first call.
        return await find_budget(store, asker, name)

    return await tx.run(act)


def _check_key(asked: BudgetChange) -> None:
    bad = Violations()
    if len(asked.request_id) > _LONGEST_KEY:
        bad.add("request_id", f"expected at most {_LONGEST_KEY} characters")
    bad.raise_if_any()


def _change(asker: Asker, action: str, budget: str) -> Change:
    return Change(asker.actor, action, budget, "asked for", asker.trace_id)
