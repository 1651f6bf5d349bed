"""Blueprints as they were last drawn: what has not changed is not drawn, and hashed, again.

A payment's tenant is looked at several times within a second: when it is ordered, and as its pods
become ready one after the other.
"""

from services.provisioner.domain import NamespaceCapacity, Tenant
from services.provisioner.manifests import Blueprint, blueprint

_MOST = 128
"""Blueprints that are kept; one is some 20 KiB."""


class Drawings:
    """The blueprints of the tenants that were drawn last."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._drawn: dict[str, tuple[tuple[object, ...], Blueprint]] = {}

    def of(self, tenant: Tenant, capacity: NamespaceCapacity) -> Blueprint:
        """Return the blueprint of the tenant as it now stands."""
        # All that a blueprint is drawn of. The order itself, and not its version: a restore from
        # a backup may give a version once more, to another order.
        says = (tenant.order, tenant.namespace, tenant.claim, capacity)
        drawn = self._drawn.pop(tenant.id, None)
        if drawn is None or drawn[0] != says:
            drawn = (says, blueprint(tenant, capacity))
        self._drawn[tenant.id] = drawn
        if len(self._drawn) > self._most:
            del self._drawn[next(iter(self._drawn))]
        return drawn[1]
