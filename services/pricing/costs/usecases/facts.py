"""Takes what the provisioner observed, each once, in whatever order."""

from services.chassis.errors import InvalidArgument, Unavailable
from services.chassis.facts import FactRecord
from services.pricing.costs.domain import Observation
from services.pricing.costs.ports import CostTransactions, Store
from services.pricing.costs.rating import sizes_of, standing
from services.pricing.costs.timeline import records, unknown_regions
from services.pricing.costs.use import UsedHour


async def take_observation(tx: CostTransactions, observation: Observation) -> frozenset[str]:
    """Store an observation and make the tenant's records what follows from all of them.

    Return the regions of the tenant that its rate card does not know. InvalidArgument for a
    capacity that holds no quantities.
    """
    _require_sizes(observation)

    async def take(store: Store) -> frozenset[str]:
        await store.lock_tenant(observation.tenant)
        if not await store.add_observation(observation):
            return frozenset()
        history = await store.card_history()
        if history is None:
            raise Unavailable("No rate card is in force yet.", reason="NO_RATE_CARD")
        told = await store.observations(observation.tenant)
        await store.replace_records(observation.tenant, records(told, history))
        return frozenset(unknown_regions(told, history))

    return await tx.run(take)


async def take_use(tx: CostTransactions, used: UsedHour) -> None:
    """Store what a tenant used within an hour, once; the tenant need not be known yet."""
    await tx.single(lambda store: store.add_use(used))


async def keep_unknown(tx: CostTransactions, fact: FactRecord, source: str) -> None:
    """Keep a fact whose type this version does not know."""
    await tx.run(lambda store: store.keep_unknown(fact, source))


def _require_sizes(observation: Observation) -> None:
    capacity = standing(observation)
    try:
        if capacity is not None:
            sizes_of(capacity)
    except ValueError as error:
        raise InvalidArgument(
            f"Tenant {observation.tenant} holds what cannot be measured: {error}."
        ) from error
