"""The status of ResourceQuotas."""

from collections.abc import Iterable

from deploy.sandbox.kubernetes.controllers.base import Controller
from deploy.sandbox.kubernetes.core.objects import name_of
from deploy.sandbox.kubernetes.storage.records import Event, Key

_RESOURCE = "resourcequotas"


class QuotaController(Controller):
    """Shows what admission counts; bursts of changes become one write."""

    settle_seconds = 0.02

    def keys(self, event: Event) -> Iterable[Key]:
        namespace = event.key.namespace
        if not namespace:
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
