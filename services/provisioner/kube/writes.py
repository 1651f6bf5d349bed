"""What we wrote last, so that its echo in the watch is told from somebody else's change."""

from collections import OrderedDict

_KEPT = 20_000


class OwnWrites:
    """Remembers the resourceVersions of our latest writes; they are unique in a cluster."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._versions: OrderedDict[str, None] = OrderedDict()

    def note(self, resource_version: str) -> None:
        """Remember a write."""
        self._versions[resource_version] = None
        while len(self._versions) > self._kept:
            self._versions.popitem(last=False)

    def are_ours(self, resource_version: str) -> bool:
        """Tell whether this version of an object is what we wrote."""
        return resource_version in self._versions
