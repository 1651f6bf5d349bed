"""How often one person may call: a bucket of tokens for each, in bounded memory."""

from collections import OrderedDict

from services.chassis.clock import Clock
from services.chassis.errors import ResourceExhausted
from services.chassis.identity import Principal

_MAX_CALLERS = 10_000
_MINUTE = 60.0


class CallRate:
    """Bounds how often one person calls: so many a minute, and so many of them at once.

    ``burst`` None is a minute's calls. Counted by this process: with several replicas a person has
    as many times the rate.
    """

    def __init__(self, per_minute: int, clock: Clock, *, burst: int | None = None) -> None:
        self._per_minute = per_minute
        self._most = float(per_minute if burst is None else burst)
        self._per_second = per_minute / _MINUTE
        self._clock = clock
        # Tokens that were left, and when. Who is forgotten has a full bucket again.
        self._left: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    @property
    def at_once(self) -> int:
        """The most calls that may come at once."""
        return int(self._most)

    def take(self, caller: Principal, calls: int = 1) -> None:
        """Count calls; ResourceExhausted with the time to wait if that is too many.

        More calls than may come at once count as that many, so that they can be made at all.
        """
        most, held = self._most, self._left
        cost = min(calls, most)
        key, now = (caller.issuer, caller.subject), self._clock.monotonic()
        left, since = held.pop(key, (most, now))
        left = min(most, left + (now - since) * self._per_second)
        allowed = left >= cost
        held[key] = (left - cost if allowed else left, now)
        if len(held) > _MAX_CALLERS:
            held.popitem(last=False)
        if not allowed:
            raise ResourceExhausted(
                f"Too many calls; {self._per_minute} a minute are taken.",
                reason="RATE_LIMITED",
                retry_after=(cost - left) / self._per_second,
            )
