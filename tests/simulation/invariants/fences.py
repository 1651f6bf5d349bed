"""Nobody is let into a namespace before its fence stands, and the fence does not go before them."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from services.provisioner import naming
from services.provisioner.objects import Live, Ref, section
from tests.simulation.cluster_store import Write
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
_ON_ITS_WAY = timedelta(seconds=5)
"""How long the binding may be under way after the fence was read back: one call.

What others delete meanwhile nobody can hold: no write is about two objects.
"""


class FenceBeforeOwner(AllTheTime):
    """At each write of the owner's binding the whole fence stands, as it was ordered."""

    name = "fence before owner"

    def __init__(self) -> None:
        self._looked = 0
        self._standing: dict[str, dict[tuple[str, str], Live]] = {}
        self._deleted: dict[tuple[str, tuple[str, str]], datetime] = {}

    def check(self, world: "World") -> list[str]:
        """Replay what happened in the cluster since the last look."""
        history = world.cluster.history
        wrong = []
        for write in history[self._looked :]:
            wrong += self._seen(write)
        self._looked = len(history)
        return wrong

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
            wrong = _unfenced(place, here, self._just_deleted(place, write.at))
        if write.ours and going and what in FENCE and ("RoleBinding", naming.OWNER_BINDING) in here:
            wrong = [f"{ref.name} of {place} was taken away while its owner was inside"]
        if write.verb == "kubectl delete":
            self._deleted[place, what] = write.at
        if going:
            here.pop(what, None)
        else:
            here[what] = write.live
        return wrong

    def _just_deleted(self, place: str, at: datetime) -> Collection[tuple[str, str]]:
        """Return what of the fence others deleted so shortly before that nobody could see it."""
        deleted = ((what, self._deleted.get((place, what))) for what in FENCE)
        return {what for what, then in deleted if then is not None and at - then <= _ON_ITS_WAY}


def _unfenced(
    place: str, here: dict[tuple[str, str], Live], excused: Collection[tuple[str, str]]
) -> list[str]:
    gone = FENCE.difference(here, excused)
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
