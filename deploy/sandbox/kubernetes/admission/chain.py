"""Admission, in the order of the real server: lifecycle, completion, refusals, quota last."""

from deploy.sandbox.kubernetes.access.escalation import GUARDED, check_escalation
from deploy.sandbox.kubernetes.access.rbac import Rbac
from deploy.sandbox.kubernetes.access.users import User
from deploy.sandbox.kubernetes.admission.limits import (
    check_claim_limits,
    check_pod_limits,
    default_from_limit_ranges,
)
from deploy.sandbox.kubernetes.admission.namespaces import check_namespace
from deploy.sandbox.kubernetes.admission.quota import QuotaLedger
from deploy.sandbox.kubernetes.core.errors import forbidden
from deploy.sandbox.kubernetes.core.objects import Obj, name_of
from deploy.sandbox.kubernetes.storage.records import Key
from deploy.sandbox.kubernetes.storage.store import Store


class Admission:
    """What may complete or refuse a write after it was authorised."""

    def __init__(self, store: Store, rbac: Rbac, quota: QuotaLedger) -> None:
        self._store = store
        self._rbac = rbac
        self._quota = quota

    def complete(self, resource: str, namespace: str, obj: Obj) -> None:
        """Before validation of a creation: lifecycle, then defaults from LimitRanges."""
        if namespace:
            check_namespace(self._store, resource, namespace, name_of(obj))
        if resource == "pods":
            default_from_limit_ranges(self._store, namespace, obj)

    def refuse(self, resource: str, namespace: str, obj: Obj, old: Obj | None, user: User) -> None:
        """After validation: what must not be stored."""
        if resource in GUARDED:
            check_escalation(self._rbac, user, resource, obj, old)
        if old is None and resource == "pods":
            self._check_service_account(namespace, obj)
            check_pod_limits(self._store, namespace, obj)
        if resource == "persistentvolumeclaims":
            check_claim_limits(self._store, namespace, obj)
        if namespace:
            self._quota.check(resource, namespace, obj, old)

    def _check_service_account(self, namespace: str, pod: Obj) -> None:
        name = pod["spec"]["serviceAccountName"]
        # The default account is made moments after its namespace; a pod need not wait for it here.
        if name != "default" and not self._store.get(Key("serviceaccounts", namespace, name)):
            why = (
                f"error looking up service account {namespace}/{name}: "
                f'serviceaccount "{name}" not found'
            )
            raise forbidden("pods", name_of(pod), why)
