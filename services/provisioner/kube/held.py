"""Where tenants live, by what was last heard of the cluster."""

from decimal import ROUND_CEILING, Decimal

from services.chassis import quantities
from services.provisioner.kube.cache import ObjectCache
from services.provisioner.metering.hours import Held, Metered
from services.provisioner.objects import Live, section
from services.provisioner.organization.seen import OrganizationView

_QUOTA = "ResourceQuota"
_USED = ("status", "used")
_STORAGE = "requests.storage"


class HeldPlaces:
    """What each tenant holds, read off the caches."""

    def __init__(self, cache: ObjectCache, organizations: OrganizationView) -> None:
        self._cache = cache
        self._organizations = organizations

    @property
    def ready(self) -> bool:
        """Everything was heard of at least once."""
        return self._cache.ready and self._organizations.ready

    def of(self, metered: Metered) -> Held:
        """Return what a tenant holds."""
        quotas = [
            live for ref, live in self._cache.objects(metered.tenant).items() if ref.kind == _QUOTA
        ]
        if metered.namespace:
            return Held((metered.namespace,), _storage(quotas))
        seen = self._organizations.look(metered.organization)
        namespaces = (metered.organization, *(one.namespace for one in seen.projects))
        whole = _storage([seen.hierarchical]) if seen.hierarchical is not None else None
        return Held(namespaces, _storage(quotas) if whole is None else whole)


def _storage(quotas: list[Live]) -> int | None:
    """Return what these quotas count together, in bytes; None if nobody knows."""
    counted = [section(live.content, *_USED).get(_STORAGE) for live in quotas]
    try:
        amounts = [quantities.parse(text) for text in counted if isinstance(text, str)]
    except ValueError:
        # More than can be counted here.
        return None
    if not amounts:
        return None
    return int(sum(amounts, Decimal(0)).to_integral_value(ROUND_CEILING))
