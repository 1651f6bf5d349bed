"""Consumers hold the newest that owners say: nothing older is ever put over it (rule 6)."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, TypeVar, cast

from services.payments.domain import RootKind
from services.subscription.domain import UnitKey
from tests.simulation.invariants import reading

if TYPE_CHECKING:
    from tests.simulation.world import World

R = TypeVar("R")

_TAKEN = "provider.subscription"
_ORDERED = "set-capacity"


class ConsumersHoldTheNewest:
    """What a consumer takes is newer than what it took before, and at the end it is the newest.

    A later fact puts right what an older one has spoilt, so looking at the end alone finds little.
    """

    name = "consumers hold the newest"

    def __init__(self) -> None:
        self._snapshots: dict[str, int] = {}
        self._orders: dict[str, tuple[int, ...]] = {}
        self._taken_before = 0
        self._ordered_before = 0

    def check(self, world: "World") -> list[str]:
        """Look at what was taken since the last look."""
        return [*self._taken(world), *self._ordered(world)]

    def final(self, world: "World") -> list[str]:
        """Compare what consumers hold with what owners say last."""
        return [*_subscriptions(world), *_orders(world), *_observations(world)]

    def _taken(self, world: "World") -> Iterator[str]:
        rows = reading.audit_rows(world)
        for change in _since(rows, self._taken_before):
            if change.action != _TAKEN:
                continue
            revision = int(dict(change.details)["revision"])
            before = self._snapshots.get(change.object, revision)
            if revision < before:
                yield f"{change.object} was taken as {revision} over {before}"
            self._snapshots[change.object] = revision
        self._taken_before = len(rows)

    def _ordered(self, world: "World") -> Iterator[str]:
        rows = reading.provisioner_audit_rows(world)
        for entry in _since(rows, self._ordered_before):
            if entry.action != _ORDERED:
                continue
            version = tuple(map(int, entry.reason.removeprefix("order ").split("/")))
            before = self._orders.get(entry.tenant, version)
            if version < before:
                yield f"{entry.tenant} was ordered {version} over {before}"
            self._orders[entry.tenant] = version
        self._ordered_before = len(rows)


def _since(rows: Mapping[int, R], looked: int) -> list[R]:
    """Return the rows that were committed after the first ``looked``, in order."""
    # From the end: walking past all that was seen before would make long worlds slow.
    newest = cast("dict[int, R]", rows).values()
    return list(islice(reversed(newest), len(rows) - looked))[::-1]


def _subscriptions(world: "World") -> Iterator[str]:
    snapshots = reading.snapshots(world)
    for (provider, account, ref), row in reading.provider_objects(world).items():
        if ref.kind is not RootKind.SUBSCRIPTION:
            continue
        held = snapshots.get(UnitKey(provider, account, ref.id))
        if held is None or held.revision != row.revision:
            known = held and held.revision
            yield f"{ref.id} is {row.revision} in payments and {known} in subscription"


def _orders(world: "World") -> Iterator[str]:
    held = {
        (tenant.order.account, tenant.order.incarnation): tenant.order
        for tenant in reading.tenants(world).values()
    }
    for place, order in reading.orders(world).items():
        known = held.get(place)
        wanted = (order.epoch, order.generation, order.phase.value, order.plan)
        got = known and (
            known.version.epoch,
            known.version.generation,
            known.phase.value,
            known.plan,
        )
        if got != wanted:
            yield f"{place} was ordered {wanted} and the provisioner holds {got}"


def _observations(world: "World") -> Iterator[str]:
    held = reading.observations(world)
    for tenant in reading.tenants(world).values():
        known = held.get(tenant.id)
        wanted = (tenant.revision, tenant.version.generation)
        got = known and (known.revision, known.generation)
        if tenant.revision and got != wanted:
            yield f"{tenant.id} was told of as {wanted} and subscription holds {got}"
