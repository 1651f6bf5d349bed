"""A fence that others changed is, in the end, exactly what was ordered."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from services.provisioner import naming
from services.provisioner.isolation import namespace_ref
from services.provisioner.objects import Live
from tests.simulation.invariants import reading
from tests.simulation.invariants.invariant import AtTheEnd

if TYPE_CHECKING:
    from tests.simulation.world import World

_ALL: Mapping[str, object] = {"podSelector": {}}
_DNS = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
_PORTS = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
POLICIES: Mapping[str, object] = {
    naming.DENY_ALL: {**_ALL, "policyTypes": ["Ingress", "Egress"]},
    naming.ALLOW_DNS: {
        **_ALL,
        "policyTypes": ["Egress"],
        "egress": [{"to": [_DNS], "ports": _PORTS}],
    },
    naming.ALLOW_INSIDE: {
        **_ALL,
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [_ALL]}],
        "egress": [{"to": [_ALL]}],
    },
}
"""What each policy says, said here once more: it does not follow from the product's own words."""


class FencesAreExact(AtTheEnd):
    """No rule, subject or scope of somebody else's is left in a tenant's namespace."""

    name = "fences are exact"

    def final(self, world: "World") -> list[str]:
        """Look at what stands in each tenant's namespace."""
        store = world.cluster.store
        wrong = []
        for tenant in reading.tenants(world).values():
            namespace = store.objects.get(namespace_ref(tenant.namespace))
            if namespace is None or not tenant.uid or namespace.uid != tenant.uid:
                continue
            for ref in store.inside.get(tenant.namespace, {}):
                wrong += gaps(store.objects[ref])
        return wrong


def gaps(live: Live) -> list[str]:
    """Say what of an object in a tenant's namespace is not as it has to be."""
    content: Any = live.content
    what = f"{live.ref.kind} {live.ref.name} of {live.ref.namespace}"
    if live.ref.kind == "NetworkPolicy":
        spec = {key: value for key, value in content["spec"].items() if value != []}
        return [] if spec == POLICIES[live.ref.name] else [f"{what} says {spec}"]
    if live.ref.kind == "ResourceQuota":
        return [] if set(content["spec"]) == {"hard"} else [f"{what} counts only some"]
    if live.ref.kind == "RoleBinding":
        return [] if len(content["subjects"]) == 1 else [f"{what} lets in {content['subjects']}"]
    return []
