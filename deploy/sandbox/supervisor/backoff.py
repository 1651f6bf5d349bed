"""The growing wait before a process that keeps dying is started again."""

import random

from deploy.sandbox.supervisor.spec import RestartPolicy


class Backoff:
    """Counts the starts that did not last; pure, with the randomness given from outside."""

    def __init__(self, policy: RestartPolicy, randomness: random.Random) -> None:
        self._policy = policy
        self._random = randomness
        self._failures = 0

    def after(self, healthy_for: float) -> float:
        """Seconds to wait after the death of a process that was ready for `healthy_for` seconds."""
        if healthy_for >= self._policy.healthy_after:
            self._failures = 0
        # Beyond 2**30 the power is only a large number; the ceiling decides long before.
        doubled: float = self._policy.first * 2.0 ** min(self._failures, 30)
        self._failures += 1
        wait = min(doubled, self._policy.ceiling)
        return wait * (1 + self._policy.jitter * self._random.random())
