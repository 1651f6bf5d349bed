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
    namespace with none (it is going) gets nothing to grow into.
    """

    given: int
    enforced: int | None
    used: int
    weight: int = 1

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


def divide(cap: int, used: Mapping[str, int], weights: Mapping[str, int]) -> dict[str, int]:
    """Return each namespace's part of the cap; the parts are never more than it together.

    What is free is shared out by ``weights``; a namespace without one grows no more. The same
    input always gives the same parts, and they are the whole cap where anybody can use it: what
    does not divide evenly goes to the first by name.
    """
    names = sorted(used)
    free = cap - sum(used.values())
    if free < 0:
        return _scarce(cap, used)
    takers = {name: weights[name] for name in names if weights.get(name, 0) > 0}
    parts = dict(used)
    total = sum(takers.values())
    for name, weight in takers.items():
        parts[name] += free * weight // total
    rest = cap - sum(parts.values())
    for name in [*takers][:rest]:
        parts[name] += 1
    return parts


def stands(cap: int, shares: Mapping[str, Share]) -> bool:
    """Tell whether the parts may stay as they are: every write of a quota costs something.

    They may if they are the whole cap and each namespace has at least half a fair share left to
    grow into; or, where more is used than the cap, if none has anything to grow into.
    """
    used = sum(share.used for share in shares.values())
    given = sum(share.given for share in shares.values())
    if used > cap:
        return given <= cap and all(share.given <= share.used for share in shares.values())
    total = sum(share.weight for share in shares.values())
    if given > cap or (given < cap and total):
        return False
    return all(
        2 * (share.given - share.used) >= (cap - used) * share.weight // total
        if share.open
        else share.given == share.used
        for share in shares.values()
    )


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
