"""The status of ResourceQuotas."""

from collections.abc import Collection

from deploy.sandbox.kubernetes.admission.usage import uses_the_same
from deploy.sandbox.kubernetes.controllers.base import Controller
from deploy.sandbox.kubernetes.core.objects import name_of
from deploy.sandbox.kubernetes.storage.records import Event, Key

_RESOURCE = "resourcequotas"
# What a workload begins with is counted by one write, as by a real server, which takes longer.
_SETTLE_SECONDS = 0.1


class QuotaController(Controller):
    """Shows what admission counts; bursts of changes become one write."""

    def settle(self, event: Event) -> float:
        return _SETTLE_SECONDS

    def keys(self, event: Event) -> Collection[Key]:
        resource, namespace = event.key.resource, event.key.namespace
        if not namespace or (resource != _RESOURCE and uses_the_same(event)):
            return []
        return [
            Key(_RESOURCE, namespace, name_of(quota))
            for quota in self.inside.select(_RESOURCE, namespace)
        ]

    def reconcile(self, key: Key) -> float | None:
        quota = self.inside.get(*key)
        if quota is not None:
            status = self.inside.machinery.quota.status(quota)
            self.inside.set_status(_RESOURCE, quota, status)
        return None
