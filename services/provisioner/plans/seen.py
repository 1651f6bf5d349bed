"""What a ConfigMap with plans says, as it is told and compared."""

import hashlib
from dataclasses import dataclass

KEY = "plans.yaml"
"""The key of the ConfigMap that is told; nothing else of it is."""

LONGEST = 64 * 1024
"""Bytes of a text that are told: some 900 plans, which pricing reads in about a second."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the ConfigMap is."""

    namespace: str
    name: str

    @property
    def source(self) -> str:
        """What it is called in facts, ``namespace/name``."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class PlansSeen:
    """The ConfigMap at one moment; ``text`` None: it has no such key, or one that is too long.

    ``left_out_bytes`` is how long the latter was, else 0. ``resource_version`` is for people.
    """

    source: str
    stands: bool
    text: str | None = None
    left_out_bytes: int = 0
    resource_version: str = ""

    @property
    def digest(self) -> bytes:
        """What is the same as long as it says the same, whichever write it was."""
        told = (self.stands, self.text is not None, self.left_out_bytes, self.text or "")
        return hashlib.sha256("\n".join(map(str, told)).encode()).digest()


@dataclass(frozen=True, slots=True)
class Told:
    """What was told last of a source: the fact's revision and the digest of its content."""

    revision: int
    digest: bytes


def seen(place: Place, data: object, resource_version: str) -> PlansSeen:
    """Return what a ConfigMap that stands says by its ``data``."""
    text = data.get(KEY) if isinstance(data, dict) else None
    if not isinstance(text, str):
        return PlansSeen(place.source, stands=True, resource_version=resource_version)
    length = len(text.encode())
    if length > LONGEST:
        return PlansSeen(place.source, True, None, length, resource_version)
    return PlansSeen(place.source, True, text, 0, resource_version)


def gone(source: str) -> PlansSeen:
    """Return what is told of a ConfigMap that does not stand, or is not watched any more."""
    return PlansSeen(source, stands=False)
