"""Pods: a kubelet that starts every container after a moment and stops it after another."""

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass

from deploy.sandbox.kubernetes.controllers.base import Controller
from deploy.sandbox.kubernetes.core.objects import Obj, dig, is_deleting, uid_of
from deploy.sandbox.kubernetes.storage.records import Event, Key
from deploy.sandbox.kubernetes.verbs.inside import Inside

_RESOURCE = "pods"
_NETWORK = ipaddress.IPv4Network("10.244.0.0/14")


@dataclass(frozen=True, slots=True)
class PodTimes:
    """How long a pod takes, in seconds: to become ready, to stop, and to finish its work."""

    start: float = 0.05
    stop: float = 0.05
    work: float = 0.05


class PodController(Controller):
    """Pending, then Running and Ready; Succeeded in the end unless it restarts always."""

    resources = frozenset({_RESOURCE})

    def __init__(self, inside: Inside, times: PodTimes) -> None:
        super().__init__(inside)
        self._times = times
        self._since: dict[tuple[str, str], float] = {}

    def keys(self, event: Event) -> Collection[Key]:
        return [event.key]

    def reconcile(self, key: Key) -> float | None:
        pod = self.inside.get(*key)
        if pod is None:
            return None
        if is_deleting(pod):
            return self._stop(pod)
        phase = dig(pod, "status", "phase")
        if phase == "Pending":
            return self._start(pod)
        if phase == "Running" and pod["spec"]["restartPolicy"] != "Always":
            return self._finish(pod)
        return None

    def _left(self, pod: Obj, stage: str, seconds: float) -> float:
        """What is left of a stage's time; measured from the first look at it."""
        now = self.inside.clock.monotonic()
        left = self._since.setdefault((uid_of(pod), stage), now) + seconds - now
        if left <= 0:
            del self._since[uid_of(pod), stage]
        return left

    def _start(self, pod: Obj) -> float | None:
        left = self._left(pod, "start", self._times.start)
        if left > 0:
            return left
        self.inside.set_status(_RESOURCE, pod, self._running(pod))
        return None

    def _finish(self, pod: Obj) -> float | None:
        left = self._left(pod, "work", self._times.work)
        if left > 0:
            return left
        now = self.inside.clock.timestamp()
        ended = {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": now}}
        status = {**pod["status"], "phase": "Succeeded"}
        status["conditions"] = [
            {**item, "status": "False", "reason": "PodCompleted", "lastTransitionTime": now}
            if item["type"] in ("Ready", "ContainersReady")
            else item
            for item in status["conditions"]
        ]
        status["containerStatuses"] = [
            {**item, "ready": False, "started": False, "state": ended}
            for item in status["containerStatuses"]
        ]
        self.inside.set_status(_RESOURCE, pod, status)
        return None

    def _stop(self, pod: Obj) -> float | None:
        grace = pod["metadata"].get("deletionGracePeriodSeconds", 0)
        left = self._left(pod, "stop", min(self._times.stop, grace))
        if left > 0:
            return left
        self.inside.delete(_RESOURCE, pod, grace=0)
        return None

    def _running(self, pod: Obj) -> Obj:
        now = self.inside.clock.timestamp()
        address = str(_NETWORK[int(uid_of(pod).replace("-", ""), 16) % _NETWORK.num_addresses])
        kinds = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
        return {
            **pod["status"],
            "phase": "Running",
            "startTime": now,
            "hostIP": "127.0.0.1",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [
                {"type": kind, "status": "True", "lastTransitionTime": now} for kind in kinds
            ],
            "containerStatuses": [
                {
                    "name": container["name"],
                    "image": container["image"],
                    "ready": True,
                    "started": True,
                    "restartCount": 0,
                    "state": {"running": {"startedAt": now}},
                }
                for container in pod["spec"]["containers"]
            ],
        }
