"""Namespace lifecycle: nothing is created where no namespace is, or in one that is going."""

from deploy.sandbox.kubernetes.core.causes import Cause
from deploy.sandbox.kubernetes.core.errors import forbidden, not_found
from deploy.sandbox.kubernetes.core.objects import is_deleting
from deploy.sandbox.kubernetes.storage.records import Key
from deploy.sandbox.kubernetes.storage.store import Store

# The real server protects these three from deletion.
PROTECTED = frozenset({"default", "kube-system", "kube-public"})


def check_namespace(store: Store, resource: str, namespace: str, name: str) -> None:
    """Refuse a creation in a namespace that does not take it."""
    found = store.get(Key("namespaces", "", namespace))
    if found is None:
        raise not_found("namespaces", namespace)
    if is_deleting(found.obj):
        text = f"namespace {namespace} is being terminated"
        cause = Cause("NamespaceTerminating", text, "metadata.namespace")
        why = (
            f"unable to create new content in namespace {namespace} because it is being terminated"
        )
        raise forbidden(resource, name, why, [cause])


def check_namespace_deletion(name: str) -> None:
    """Refuse to delete a namespace that the cluster cannot be without."""
    if name in PROTECTED:
        raise forbidden("namespaces", name, "this namespace may not be deleted")
