"""Nobody is let into a namespace before its fence stands, and the fence does not go before them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from services.provisioner import naming
from services.provisioner.objects import Live, Ref, section
from tests.simulation.cluster_store import Read, Write
from tests.simulation.invariants.invariant import AllTheTime

if TYPE_CHECKING:
    from tests.simulation.world import World

FENCE = frozenset(
    {
        ("ResourceQuota", naming.QUOTA),
        ("NetworkPolicy", naming.DENY_ALL),
        ("NetworkPolicy", naming.ALLOW_DNS),
        ("NetworkPolicy", naming.ALLOW_INSIDE),
    }
)
_RESTRICTED = "pod-security.kubernetes.io/enforce"
_RUN = timedelta(seconds=30)
"""How long before the owner's binding a run may have read a fence back: a worker's lease."""
_MENDED = timedelta(days=1)
"""Within what time a fence stands again: a watch's news takes a minute at most, trouble of the
cluster two hours, and the resync that looks without news is not to be waited for."""


class FenceBeforeOwner(AllTheTime):
    """At each write of the owner's binding the whole fence stands, as far as its run can know.

    No request is about two objects. What a run has made or read back, and somebody else deleted
    after that, is not to be foreseen; it is to be mended.
    """

    name = "fence before owner"

    def __init__(self) -> None:
        self._looked = 0
        self._standing: dict[str, dict[tuple[str, str], Live]] = {}
        self._read = 0
        self._known: dict[Ref, datetime] = {}
        """When a part of a fence was last shown to the product, or written by it."""
        self._deleted: dict[Ref, datetime] = {}
        """What others have deleted and nobody made again, and when."""

    def check(self, world: "World") -> list[str]:
        """Replay what happened in the cluster since the last look."""
        history = world.cluster.history
        wrong = []
        for place in range(self._looked, len(history)):
            self._shown(world.cluster.store.reads, place)
            wrong += self._seen(history[place])
        self._looked = len(history)
        return wrong + self._unmended(world.clock.now())

    def _shown(self, reads: Sequence[Read], writes: int) -> None:
        """Take in what was read before that many writes had happened, or just after."""
        while self._read < len(reads) and reads[self._read].after <= writes:
            read = reads[self._read]
            self._known[read.ref] = read.at
            self._read += 1

    def _unmended(self, now: datetime) -> list[str]:
        return [
            f"{ref.name} of {ref.namespace} was deleted at {then}, and its owner still is inside"
            for ref, then in self._deleted.items()
            if now - then > _MENDED
            and ("RoleBinding", naming.OWNER_BINDING) in self._standing[ref.namespace]
        ]

    def _seen(self, write: Write) -> list[str]:
        ref = write.live.ref
        place = ref.namespace or ref.name
        here = self._standing.setdefault(place, {})
        what = (ref.kind, ref.name) if ref.namespace else (ref.kind, "")
        going = write.verb in ("gone", "kubectl delete") or (
            write.verb == "delete" and ref.kind != "Namespace"
        )
        wrong = []
        if write.ours and ref.kind == "RoleBinding" and not going:
            wrong = _unfenced(place, here, self._unforeseen(write))
        if write.ours and going and what in FENCE and ("RoleBinding", naming.OWNER_BINDING) in here:
            wrong = [f"{ref.name} of {place} was taken away while its owner was inside"]
        if going:
            here.pop(what, None)
        else:
            here[what] = write.live
            if write.ours:
                self._known[ref] = write.at
            self._deleted.pop(ref, None)
        if write.verb == "kubectl delete":
            self._deleted[ref] = write.at
        return wrong

    def _unforeseen(self, binding: Write) -> Collection[tuple[str, str]]:
        """Return what of its fence others deleted after the run that binds was shown it."""
        return [
            (ref.kind, ref.name)
            for ref, then in self._deleted.items()
            if ref.namespace == binding.live.ref.namespace
            and ref in self._known
            and binding.at - _RUN <= self._known[ref] <= then
        ]


def _unfenced(
    place: str, here: Mapping[tuple[str, str], Live], unforeseen: Collection[tuple[str, str]]
) -> list[str]:
    gone = FENCE.difference(here, unforeseen)
    missing = sorted(f"{kind} {name}" for kind, name in gone)
    wrong = [f"the owner of {place} entered without {', '.join(missing)}"] if missing else []
    namespace = here.get(("Namespace", ""))
    labels = section(namespace.content, "metadata", "labels") if namespace else {}
    if labels.get(_RESTRICTED) != "restricted":
        wrong.append(f"the owner of {place} entered while pods were not restricted")
    return wrong


class GenerationsOnlyGrow(AllTheTime):
    """No object of ours goes back to an older order."""

    name = "generations only grow"

    def __init__(self) -> None:
        self._looked = 0
        self._newest: dict[tuple[Ref, str], Live] = {}

    def check(self, world: "World") -> list[str]:
        """Look at what was written since the last look."""
        history = world.cluster.history
        wrong = []
        for write in history[self._looked :]:
            live = write.live
            if not write.ours or not write.tenant:
                continue
            before = self._newest.get((live.ref, live.uid))
            if before is not None and before.version > live.version:
                wrong.append(f"{live.ref} went from {before.version} to {live.version}")
            self._newest[live.ref, live.uid] = live
        self._looked = len(history)
        return wrong
