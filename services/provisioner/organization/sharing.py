"""Writing the parts of a divided quota: first what shrinks, then what grows by what that freed.

Everything is read from the API server first, and each write names exactly what was read: parts
that were reckoned from something older could add up to more than the cap. So could parts that were
reckoned without a namespace that holds one: before anything grows, the roll is called.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from services.chassis.metrics import Counter
from services.provisioner.domain import JsonObject
from services.provisioner.ensure import Hand, together
from services.provisioner.objects import Live, ref_of
from services.provisioner.organization.amounts import Amounts
from services.provisioner.organization.board import Board
from services.provisioner.organization.manifests import quota_ref
from services.provisioner.ownership import handover


@dataclass(frozen=True, slots=True)
class Shared:
    """The quotas as they then stand; ``waiting``: the cluster still enforces what was taken back,
    so somebody has less than is due."""

    quotas: Mapping[str, Live]
    waiting: bool


@dataclass(frozen=True, slots=True)
class Sharing:
    """Divides one organization's cap among its namespaces; ``writes`` counts what is written.

    ``call`` is called before anything grows, and raises if the board is not all there is.
    """

    hand: Hand
    board: Board
    call: Callable[[], Awaitable[None]]
    writes: Counter

    async def bind(self) -> Shared:
        """Make the parts stand; ObjectChanged if others keep writing."""
        return await self.hand.settled("A quota of the organization", self._once)

    async def _once(self) -> Shared:
        board = await self._read()
        parts = board.parts()
        board = board.with_quotas(await self._write(board, board.shrunk(parts), "shrink"))
        due = board.grown(parts)
        lacking = {name: due[name] for name in due if not board.holds(name, due[name])}
        if any(board.grows(name, amounts) for name, amounts in lacking.items()):
            await self.call()
        board = board.with_quotas(await self._write(board, lacking, "grow"))
        return Shared(
            quotas={name: live for name, live in board.quotas.items() if live is not None},
            waiting=any(due[name] != parts[name] for name in due),
        )

    async def _read(self) -> Board:
        names = sorted(self.board.quotas)
        found = await together([self.hand.get(quota_ref(name)) for name in names])
        stands = dict(zip(names, found, strict=True))
        # In a namespace that is going, only what is there already can be written.
        here = {
            name: live
            for name, live in stands.items()
            if live is not None or name not in self.board.ending
        }
        return self.board.of(here)

    async def _write(self, board: Board, parts: Mapping[str, Amounts], why: str) -> dict[str, Live]:
        names: Sequence[str] = sorted(parts)
        written = await together(
            [put(self.hand, board.wanted(name, parts[name]), board.quotas[name]) for name in names]
        )
        for name in names:
            self.writes.labels(why if board.quotas[name] is not None else "create").inc()
        return dict(zip(names, written, strict=True))


async def put(hand: Hand, wanted: JsonObject, live: Live | None) -> Live:
    """Write an object over exactly what was read, None for nothing.

    Raises ObjectExists or ObjectChanged if something else stands by now.
    """
    if live is None:
        return await hand.cluster.create(wanted, timeout=hand.time())
    assert ref_of(wanted) == live.ref  # noqa: S101 - else another object would be overwritten
    cleared = await hand.cleared(wanted, live)
    if cleared is None:
        return await hand.cluster.create(wanted, timeout=hand.time())
    live = cleared
    fields = handover(live, wanted)
    if fields is not None:
        live = await hand.cluster.hand_over(live, fields, timeout=hand.time())
    return await hand.cluster.apply(wanted, live, timeout=hand.time())
