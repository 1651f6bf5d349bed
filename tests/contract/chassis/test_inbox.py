"""What every inbox promises a consumer."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from services.chassis.inbox import unknown_type
from tests.contract.chassis.backends import Backend, Tx, fact

TYPE = "tollgate.test.v1.Thing"


async def test_a_money_fact_counts_once(backend: Backend) -> None:
    async def remember(tx: Tx) -> bool:
        return await backend.inbox.remember(tx, fact(1), "payments")

    assert await backend.run(remember)
    assert not await backend.run(remember)


async def test_a_money_fact_whose_effect_failed_counts_when_it_comes_again(
    backend: Backend,
) -> None:
    async def fail(tx: Tx) -> None:
        assert await backend.inbox.remember(tx, fact(1), "payments")
        raise LookupError

    with pytest.raises(LookupError):
        await backend.run(fail)
    assert await backend.run(lambda tx: backend.inbox.remember(tx, fact(1), "payments"))


async def test_of_two_transactions_with_one_money_fact_one_counts_it(backend: Backend) -> None:
    both_began = asyncio.Barrier(2)

    async def remember(tx: Tx) -> bool:
        await both_began.wait()
        return await backend.inbox.remember(tx, fact(1), "payments")

    answers = await asyncio.gather(backend.run(remember), backend.run(remember))
    assert sorted(answers) == [False, True]


async def test_of_money_facts_that_come_together_those_that_are_new_count(
    backend: Backend,
) -> None:
    async def remember(tx: Tx, *numbers: int) -> set[str]:
        return await backend.inbox.remember_all(tx, [fact(n) for n in numbers], "payments")

    assert await backend.run(lambda tx: remember(tx, 2, 1)) == {fact(1).id, fact(2).id}
    assert await backend.run(lambda tx: remember(tx, 3, 2, 3)) == {fact(3).id}
    assert await backend.run(lambda tx: remember(tx, 1)) == set()


async def test_an_older_revision_is_not_applied_after_a_newer(backend: Backend) -> None:
    async def is_latest(revision: int) -> bool:
        return await backend.run(lambda tx: backend.inbox.latest(tx, "sub_1", TYPE, revision))

    arrivals = [3, 1, 3, 5, 4, 6]
    applied = [revision for revision in arrivals if await is_latest(revision)]
    assert applied == [3, 5, 6]


async def test_revisions_of_several_objects_and_types_do_not_mix(backend: Backend) -> None:
    async def all_new(tx: Tx) -> bool:
        objects = [("sub_1", TYPE), ("sub_2", TYPE), ("sub_1", "tollgate.test.v1.Other")]
        return all([await backend.inbox.latest(tx, key, type_, 1) for key, type_ in objects])

    assert await backend.run(all_new)


async def test_a_state_fact_without_a_revision_is_refused(backend: Backend) -> None:
    with pytest.raises(ValueError, match="revision"):
        await backend.run(lambda tx: backend.inbox.latest(tx, "sub_1", TYPE, 0))


async def test_parked_facts_come_back_in_order_when_their_parent_comes(backend: Backend) -> None:
    async def park(tx: Tx) -> None:
        for number in (2, 1, 3):
            await backend.inbox.park(tx, fact(number), "sub_1", "unknown subscription")
        await backend.inbox.park(tx, fact(4), "sub_2", "unknown subscription")

    await backend.run(park)
    taken = await backend.run(lambda tx: backend.inbox.unpark(tx, "sub_1"))
    assert taken == [replace(fact(number), destinations=()) for number in (2, 1, 3)]
    assert await backend.run(lambda tx: backend.inbox.unpark(tx, "sub_1")) == []


async def test_parking_a_fact_again_moves_it(backend: Backend) -> None:
    async def park(tx: Tx, waiting_for: str) -> None:
        await backend.inbox.park(tx, fact(1), waiting_for, "why", source="payments")

    await backend.run(lambda tx: park(tx, "sub_1"))
    await backend.run(lambda tx: park(tx, "sub_2"))
    (parked,) = await backend.run(lambda tx: backend.inbox.list_parked(tx))
    assert (parked.waiting_for, parked.source, parked.reason) == ("sub_2", "payments", "why")


async def test_a_fact_parked_while_its_parent_commits_is_seen_by_one_of_both(
    backend: Backend,
) -> None:
    """The child parks after the parent looked for it, and before the parent commits."""
    parent_looked, child_parked = asyncio.Event(), asyncio.Event()

    async def parent(tx: Tx) -> list[str]:
        await backend.inbox.latest(tx, "sub_1", TYPE, 1)
        taken = await backend.inbox.unpark(tx, "sub_1")
        parent_looked.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await child_parked.wait()
        return [one.id for one in taken]

    async def child(tx: Tx) -> list[str]:
        await parent_looked.wait()
        assert not await backend.is_known(tx, "sub_1")
        await backend.inbox.park(tx, fact(1), "sub_1", "unknown subscription")
        child_parked.set()
        if not await backend.is_known(tx, "sub_1"):
            return []
        return [one.id for one in await backend.inbox.unpark(tx, "sub_1")]

    by_parent, by_child = await asyncio.gather(backend.run(parent), backend.run(child))
    assert by_parent + by_child == ["fct_1"]


async def test_parked_facts_are_listed_in_pages(backend: Backend) -> None:
    async def park(tx: Tx) -> None:
        for number in range(5):
            await backend.inbox.park(tx, fact(number), "sub_1", "why")

    await backend.run(park)
    first = await backend.run(lambda tx: backend.inbox.list_parked(tx, limit=3))
    rest = await backend.run(lambda tx: backend.inbox.list_parked(tx, after=first[-1].seq))
    ids = [parked.fact.id for parked in (*first, *rest)]
    assert ids == [f"fct_{number}" for number in range(5)]


async def test_a_fact_of_an_unknown_type_is_kept_for_who_knows_it(backend: Backend) -> None:
    await backend.run(lambda tx: backend.inbox.keep_unknown(tx, fact(1), "payments"))
    kept = await backend.run(lambda tx: backend.inbox.unpark(tx, unknown_type(TYPE)))
    assert [one.id for one in kept] == ["fct_1"]


async def test_what_was_kept_unknown_is_shown_with_its_source_until_it_is_forgotten(
    backend: Backend,
) -> None:
    inbox = backend.inbox
    await backend.run(lambda tx: inbox.keep_unknown(tx, fact(2), "payments"))
    await backend.run(lambda tx: inbox.keep_unknown(tx, fact(1), "payments"))
    other = replace(fact(3), type="tollgate.test.v1.Other")
    await backend.run(lambda tx: inbox.keep_unknown(tx, other, "payments"))
    kept = await backend.run(lambda tx: inbox.kept_unknown(tx, [TYPE]))
    assert [(one.id, source) for one, source in kept] == [
        ("fct_2", "payments"),
        ("fct_1", "payments"),
    ]
    both = await backend.run(lambda tx: inbox.kept_unknown(tx, [other.type, TYPE, "none"]))
    assert [one.id for one, _ in both] == ["fct_2", "fct_1", "fct_3"]
    await backend.run(lambda tx: inbox.forget_kept(tx, "fct_2", TYPE))
    await backend.run(lambda tx: inbox.forget_kept(tx, "fct_3", TYPE))
    assert [one.id for one, _ in await backend.run(lambda tx: inbox.kept_unknown(tx, [TYPE]))] == [
        "fct_1"
    ]
    assert len(await backend.run(lambda tx: inbox.kept_unknown(tx, [other.type]))) == 1
