"""Nobody is let into a namespace before its fence stands, and the fence does not go before them."""

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


class FenceBeforeOwner(AllTheTime):
    """At each write of the owner's binding the whole fence stands, as it was ordered."""

    name = "fence before owner"

    def __init__(self) -> None:
        self._looked = 0
        self._standing: dict[str, dict[tuple[str, str], Live]] = {}

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
            wrong = _unfenced(place, here)
        if write.ours and going and what in FENCE and ("RoleBinding", naming.OWNER_BINDING) in here:
            wrong = [f"{ref.name} of {place} was taken away while its owner was inside"]
        if going:
            here.pop(what, None)
        else:
            here[what] = write.live
        return wrong


def _unfenced(place: str, here: dict[tuple[str, str], Live]) -> list[str]:
    missing = sorted(f"{kind} {name}" for kind, name in FENCE if (kind, name) not in here)
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
