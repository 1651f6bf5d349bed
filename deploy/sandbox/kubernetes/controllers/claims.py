"""Volume claims: bound at once, as by a provisioner that never fails."""

from collections.abc import Collection

from deploy.sandbox.kubernetes.controllers.base import Controller
from deploy.sandbox.kubernetes.core.objects import dig, uid_of
from deploy.sandbox.kubernetes.storage.records import Event, Key

_RESOURCE = "persistentvolumeclaims"


class ClaimController(Controller):
    """Binds claims to volumes that have a name and nothing else."""

    resources = frozenset({_RESOURCE})

    def keys(self, event: Event) -> Collection[Key]:
        return [event.key]

    def reconcile(self, key: Key) -> float | None:
        claim = self.inside.get(*key)
        if claim is None or dig(claim, "status", "phase") == "Bound":
            return None
        volume = f"pvc-{uid_of(claim)}"
        self.inside.change(_RESOURCE, claim, lambda new: new["spec"].update(volumeName=volume))
        status = {
            "phase": "Bound",
            "accessModes": claim["spec"].get("accessModes"),
            "capacity": dig(claim, "spec", "resources", "requests"),
        }
        self.inside.change(_RESOURCE, claim, lambda new: new.update(status=status), "status")
        return None
