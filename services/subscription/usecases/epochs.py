"""The epoch: raised after a restore from backup, so that orders count again."""

from dataclasses import replace

from services.subscription.auditing import Actor, Change
from services.subscription.ports import Store, SubscriptionTransactions
from services.subscription.usecases.settling import give_order

BATCH = 100


async def raise_epoch(tx: SubscriptionTransactions, actor: Actor, reason: str) -> int:
    """Raise the epoch, void every order of the older ones, and return the new epoch."""

    async def act(store: Store) -> int:
        epoch = await store.raise_epoch()
        await store.audit(Change(actor, "epoch.raise", "epoch", reason, (("epoch", str(epoch)),)))
        return epoch

    return await tx.run(act)


async def resend_behind(tx: SubscriptionTransactions, actor: Actor) -> int:
    """Give every order of an older epoch again in the present one; return how many accounts."""
    done = 0
    while names := await tx.single(lambda store: store.accounts_behind(BATCH)):
        for name in names:
            await _resend(tx, name, actor)
        done += len(names)
    return done


async def _resend(tx: SubscriptionTransactions, name: str, actor: Actor) -> None:
    async def act(store: Store) -> None:
        account = await store.lock_account(name)
        if account is None:
            return
        epoch = await store.epoch()
        generation = account.generation
        for order in await store.orders(name):
            if order.epoch < epoch:
                generation += 1
                renewed = replace(order, epoch=epoch, generation=generation)
                await give_order(store, renewed, actor, "", None)

    await tx.run(act)
