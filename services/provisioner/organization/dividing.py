"""Dividing one cap among namespaces, so that together they can never use more than it.

Pure, and for one resource at a time: whole numbers of its unit. Each namespace gets what it uses
and a fair share of what is free. Where more is used than the cap (it was lowered), nobody gets
more than is used already, so nothing new starts until enough has ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """One namespace's part as it stands.

    ``given`` is what its quota says, ``enforced`` what the cluster enforces of it by now (None:
    nothing is let through yet), ``used`` what is in use. ``weight`` is its claim on what is free; a
    namespace with none (it is going) gets nothing to grow into. ``most`` is what another quota
    lets it use at most: what it got beyond that, nobody could use.
    """

    given: int
    enforced: int | None
    used: int
    weight: int = 1
    most: int | None = None

    @property
    def open(self) -> bool:
        """Whether it may grow."""
        return self.weight > 0

    @property
    def reach(self) -> int:
        """The most that may be in use there, at this moment or before anybody is heard of again."""
        if not self.open:
            return self.used
        return max(self.given, self.enforced or 0, self.used)

    @property
    def ceiling(self) -> int | None:
        """The most that it is worth giving, None for no such bound."""
        return None if self.most is None else max(self.most, self.used)


def divide(
    cap: int,
    used: Mapping[str, int],
    weights: Mapping[str, int],
    most: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """Return each namespace's part of the cap; the parts are never more than it together.

    What is free is shared out by ``weights``; a namespace without one grows no more, and one that
    may use only so much (``most``) leaves the rest to the others. The same input always gives the
    same parts, and they are the whole cap where anybody can use it: what does not divide evenly
    goes to the first by name.
    """
    names = sorted(used)
    free = cap - sum(used.values())
    if free < 0:
        return _scarce(cap, used)
    takers = {name: weights[name] for name in names if weights.get(name, 0) > 0}
    rooms = {name: max(0, amount - used[name]) for name, amount in (most or {}).items()}
    fair = _fair(free, takers, rooms)
    parts = {name: used[name] + fair.get(name, 0) for name in names}
    rest = cap - sum(parts.values())
    for name in _unbounded(takers, fair, rooms)[:rest]:
        parts[name] += 1
    return parts


def stands(cap: int, shares: Mapping[str, Share]) -> bool:
    """Tell whether the parts may stay as they are: every write of a quota costs something.

    They may if they are the whole cap, as far as anybody can use it, and each namespace has at
    least half a fair share left to grow into; or, where more is used than the cap, if none has
    anything to grow into.
    """
    used = sum(share.used for share in shares.values())
    given = sum(share.given for share in shares.values())
    if used > cap:
        return given <= cap and all(share.given <= share.used for share in shares.values())
    takers = {name: share.weight for name, share in shares.items() if share.open}
    rooms = {
        name: share.ceiling - share.used
        for name, share in shares.items()
        if share.ceiling is not None
    }
    fair = _fair(cap - used, takers, rooms)
    due = cap if _unbounded(takers, fair, rooms) else used + sum(fair.values())
    if given > cap or given < due:
        return False
    return all(
        _suffices(share, fair[name]) if share.open else share.given == share.used
        for name, share in shares.items()
    )


def _suffices(share: Share, fair: int) -> bool:
    wasted = share.ceiling is not None and share.given > share.ceiling
    return not wasted and 2 * (share.given - share.used) >= fair


def _fair(free: int, weights: Mapping[str, int], rooms: Mapping[str, int]) -> dict[str, int]:
    """Return what each taker gets of what is free, rounded down; nobody more than it has room for.

    Who has less room than a fair share takes that, and the others share what is left.
    """
    fair: dict[str, int] = {}
    left = dict(weights)
    while left:
        total = sum(left.values())
        full = [one for one in left if one in rooms and rooms[one] <= free * left[one] // total]
        if not full:
            return fair | {one: free * weight // total for one, weight in left.items()}
        fair |= {one: rooms[one] for one in full}
        free -= sum(rooms[one] for one in full)
        left = {one: weight for one, weight in left.items() if one not in fair}
    return fair


def _unbounded(
    takers: Mapping[str, int], fair: Mapping[str, int], rooms: Mapping[str, int]
) -> list[str]:
    """Return who could take more than that, by name."""
    return sorted(one for one in takers if one not in rooms or fair[one] < rooms[one])


def shrunk(parts: Mapping[str, int], shares: Mapping[str, Share]) -> dict[str, int]:
    """Return what to write first: nobody's part grows."""
    return {name: min(parts[name], share.given) for name, share in shares.items()}


def grown(cap: int, parts: Mapping[str, int], shares: Mapping[str, Share]) -> dict[str, int]:
    """Return what may be written next: nobody's part shrinks, and the room was really freed.

    ``shares`` is what stands after the shrinking was written. What the cluster still enforces of a
    larger part, or what was taken into use meanwhile, is no room yet.
    """
    room = max(0, cap - sum(share.reach for share in shares.values()))
    after: dict[str, int] = {}
    for name in sorted(shares):
        share = shares[name]
        after[name] = max(share.given, min(parts[name], share.reach + room))
        room -= max(0, after[name] - share.reach)
    return after


def _scarce(cap: int, used: Mapping[str, int]) -> dict[str, int]:
    total = sum(used.values())
    parts = {name: cap * amount // total for name, amount in used.items()}
    left = cap - sum(parts.values())
    for name in sorted(used):
        more = min(left, used[name] - parts[name])
        parts[name] += more
        left -= more
    return parts
