"""What every store of subscription says of holders, in memory and on PostgreSQL."""

from collections.abc import Mapping

from services.subscription.domain import Account, AccountKind
from services.subscription.holder import AccountRef, Held, Holder
from services.subscription.ledger import Movement, Pool, Posting
from services.subscription.ports import Store
from tests.contract.stores.test_subscription_store import (  # noqa: F401 - fixtures
    account,
    on_postgres,
    world,
)
from tests.fakes.subscription_world import World, checkout, invoice, seen
from tests.integration.postgres_fixture import database, postgres  # noqa: F401 - fixtures


async def held_by(world: World, *asked: AccountRef) -> Mapping[AccountRef, Holder]:  # noqa: F811
    return await world.tx.single(lambda store: store.holders(asked))


async def test_a_holder_has_what_has_begun_oldest_first_and_what_is_left_of_each_pool(
    world: World,  # noqa: F811
) -> None:
    for number, price in ((1, "price_a"), (2, "price_hold")):
        sub = f"sub_{number}"
        await world.give(checkout(f"cs_{number}", price=price, at=number, sub=sub))
        await world.give(invoice(f"in_{number}", sub=sub, at=number))
        await world.give(seen(sub, price=price), revision=1)
    await world.give(seen("sub_unpaid"), revision=1)
    owner = await world.owner()
    pool = Pool(owner, "shop")

    async def earn(store: Store) -> None:
        await store.open_pool(pool)
        await store.open_pool(Pool(owner, "hold"))
        await store.post(Posting("e1", pool, Movement.GRANT, 90, "r", "a"))
        await store.post(Posting("e2", pool, Movement.HOLD, 20, "r", "a"))

    await world.tx.run(earn)
    subscriptions = await world.subscriptions()
    found = await held_by(world, owner)
    assert found[owner].account == await world.tx.run(lambda store: store.account(owner))
    begun = [sub for sub in subscriptions if sub.begin_time is not None]
    assert len(subscriptions) == 3
    assert list(found[owner].held) == [
        Held(sub.offer, sub.state, sub.begin_time, sub.period_end)
        for sub in begun
        if sub.begin_time is not None
    ]
    assert {one.offer.plan for one in found[owner].held} == {"shop/basic", "hold/tier"}
    assert found[owner].credits == {"shop": 70, "hold": 0}


async def test_holders_are_found_by_name_and_by_outside_name_at_once(
    world: World,  # noqa: F811
) -> None:
    ann = account("acc_ann", "ann")
    acme = Account("acc_acme", AccountKind.ORGANIZATION, "acme", "", ann.create_time)
    guest = account("acc_guest")

    async def write(store: Store) -> None:
        for one in (ann, acme, guest):
            await store.add_account(one)

    await world.tx.run(write)
    asked: list[AccountRef] = [
        "acc_ann",
        (AccountKind.USER, "ann"),
        (AccountKind.ORGANIZATION, "acme"),
        (AccountKind.USER, "acme"),
        (AccountKind.USER, ""),
        "acc_guest",
        "acc_nobody",
    ]
    assert await held_by(world, *asked) == {
        "acc_ann": Holder(ann, []),
        (AccountKind.USER, "ann"): Holder(ann, []),
        (AccountKind.ORGANIZATION, "acme"): Holder(acme, []),
        "acc_guest": Holder(guest, []),
    }
    assert await held_by(world) == {}
