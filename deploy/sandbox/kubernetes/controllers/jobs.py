"""Jobs: pods until enough of them have succeeded."""

from collections.abc import Collection

from deploy.sandbox.kubernetes.controllers.base import Controller, with_condition
from deploy.sandbox.kubernetes.controllers.owned import PODS, is_active, owners_touched, pod_from
from deploy.sandbox.kubernetes.core.objects import Obj, condition_of, dig, is_deleting, uid_of
from deploy.sandbox.kubernetes.storage.records import Event, Key

_RESOURCE = "jobs.batch"


class JobController(Controller):
    """Runs `parallelism` pods at once; failures are retried up to `backoffLimit`."""

    resources = frozenset({_RESOURCE, PODS})

    def keys(self, event: Event) -> Collection[Key]:
        if event.key.resource == _RESOURCE:
            return [event.key]
        return owners_touched(event, "Job", _RESOURCE)

    def reconcile(self, key: Key) -> float | None:
        job = self.inside.get(*key)
        if job is None or is_deleting(job) or _is_over(job):
            return None
        spec, pods = job["spec"], self._pods(job)
        phases = [dig(pod, "status", "phase") for pod in pods]
        succeeded, failed = phases.count("Succeeded"), phases.count("Failed")
        active = [pod for pod in pods if is_active(pod)]
        over = succeeded >= spec["completions"] or failed > spec["backoffLimit"]
        if over or spec["suspend"]:
            for pod in active:
                self.inside.delete(PODS, pod)
        else:
            wanted = min(spec["parallelism"], spec["completions"] - succeeded)
            for _ in range(wanted - len(active)):
                self.inside.create(PODS, pod_from(job))
        self._tell(job, succeeded, failed)
        return None

    def _pods(self, job: Obj) -> list[Obj]:
        keys = self.inside.machinery.store.dependents_of(uid_of(job))
        found = [self.inside.get(*key) for key in keys if key.resource == PODS]
        return [pod for pod in found if pod is not None]

    def _tell(self, job: Obj, succeeded: int, failed: int) -> None:
        now = self.inside.clock.timestamp()
        active = sum(map(is_active, self._pods(job)))
        counts = {"active": active, "ready": active, "succeeded": succeeded, "failed": failed}
        status: Obj = {key: value for key, value in counts.items() if value}
        status["startTime"] = dig(job, "status", "startTime", default=now)
        if succeeded >= job["spec"]["completions"]:
            text = "Reached expected number of succeeded pods"
            status = with_condition(status, "Complete", "True", "CompletionsReached", text, now)
            status["completionTime"] = now
        elif failed > job["spec"]["backoffLimit"]:
            text = "Job has reached the specified backoff limit"
            status = with_condition(status, "Failed", "True", "BackoffLimitExceeded", text, now)
        self.inside.set_status(_RESOURCE, job, status)


def _is_over(job: Obj) -> bool:
    return condition_of(job, "Complete") is not None or condition_of(job, "Failed") is not None
