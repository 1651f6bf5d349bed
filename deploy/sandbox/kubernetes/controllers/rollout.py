"""How many replicas each ReplicaSet of a Deployment gets next."""

import hashlib
from collections.abc import Iterator

import orjson

from deploy.sandbox.kubernetes.core.objects import Obj, dig

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: Obj) -> str:
    """A short name for a template's content."""
    raw = orjson.dumps(template, option=orjson.OPT_SORT_KEYS)
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in hashlib.sha256(raw).digest()[:10])


def _absolute(value: int | str, replicas: int, *, up: bool) -> int:
    """A number or a percentage of the replicas."""
    if isinstance(value, int):
        return value
    hundredths = int(value.rstrip("%")) * replicas
    return -(-hundredths // 100) if up else hundredths // 100


class Rollout:
    """One step from the old ReplicaSets to the new one, within surge and unavailability."""

    def __init__(self, spec: Obj, new: Obj, old: list[Obj]) -> None:
        self._wanted: int = spec["replicas"]
        self._new = new
        self._old = [item for item in old if item["spec"]["replicas"]]
        self._recreate = spec["strategy"]["type"] == "Recreate"
        rolling = spec["strategy"].get("rollingUpdate") or {}
        surge = _absolute(rolling.get("maxSurge", 0), self._wanted, up=True)
        self.max_unavailable = _absolute(rolling.get("maxUnavailable", 0), self._wanted, up=False)
        if not self._recreate and not surge and not self.max_unavailable:
            self.max_unavailable = 1
        self._ceiling = self._wanted + (0 if self._recreate else surge)

    def changes(self) -> Iterator[tuple[Obj, int]]:
        """ReplicaSets with the replicas that they should have now."""
        if self._recreate:
            yield from self._recreated()
            return
        now = self._new["spec"]["replicas"]
        others = sum(item["spec"]["replicas"] for item in self._old)
        room = max(0, self._ceiling - others)
        target = min(self._wanted, room) if now < self._wanted else self._wanted
        target = max(target, min(now, self._wanted))
        if target != now:
            yield self._new, target
        yield from self._shrunk(target)

    def _recreated(self) -> Iterator[tuple[Obj, int]]:
        if self._old:
            yield from ((item, 0) for item in self._old)
        elif self._new["spec"]["replicas"] != self._wanted:
            yield self._new, self._wanted

    def _shrunk(self, target: int) -> Iterator[tuple[Obj, int]]:
        """Old pods that may go: those that never came up, then as many as new ones stand in."""
        least = self._wanted - self.max_unavailable
        available = _available(self._new)
        total = sum(item["spec"]["replicas"] for item in self._old) + target
        spare = total - least - max(0, target - available)
        for item in self._old:
            replicas, up = item["spec"]["replicas"], _available(item)
            take = min(max(spare, 0), replicas)
            safe = max(0, replicas - up)
            up_left = sum(map(_available, self._old)) + available - least
            take = min(take, safe + max(0, up_left))
            if take:
                spare -= take
                yield item, replicas - take


def _available(item: Obj) -> int:
    found: int = dig(item, "status", "availableReplicas", default=0)
    return found
