"""Who the bench provisions for: the document's professional plan, with the least pool there is."""

import itertools
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from services.provisioner import usecases
from services.provisioner.domain import Autoscale, JsonObject, NamespaceCapacity, Order, Tenant
from services.provisioner.manifests import blueprint
from services.provisioner.naming import Naming
from tests.unit.provisioner.world import PROFESSIONAL, order

# Where controllers run, each pod costs them more than the tenant costs us.
CAPACITY = replace(PROFESSIONAL, autoscale=Autoscale(min=1, max=50, cpu_percent=70), warm_pool=1)
NAMES = Naming("bench-")


@dataclass
class Tenants:
    """Accounts of one run, none of which any other run has had."""

    run: str = field(default_factory=lambda: secrets.token_hex(4))
    numbers: Iterator[int] = field(default_factory=itertools.count)
    capacity: NamespaceCapacity = CAPACITY
    namespaces: list[str] = field(default_factory=list)

    def orders(self, count: int) -> list[Order]:
        """New orders, as subscription would send them."""
        return [
            order(account=f"acc_{self.run}x{next(self.numbers)}", capacity=self.capacity)
            for _ in range(count)
        ]

    def manifests(self, count: int) -> list[list[JsonObject]]:
        """The objects of as many other tenants, whom no database knows, namespace first."""
        made = [self._objects(one) for one in self.orders(count)]
        self.namespaces += [_name(objects[0]) for objects in made]
        return made

    def _objects(self, one: Order) -> list[JsonObject]:
        now = datetime.now(UTC)
        name = usecases.tenant_id(one.account, one.incarnation)
        namespace, _ = NAMES.candidate(name, 0)
        claim = f"clm_{self.run}"
        tenant = Tenant(name, 0, one, now, now, namespace=namespace, claim=claim)
        return [part.wanted(None) for part in blueprint(tenant, self.capacity).parts]


def _name(wanted: JsonObject) -> str:
    metadata = wanted["metadata"]
    assert isinstance(metadata, dict)
    return str(metadata["name"])
