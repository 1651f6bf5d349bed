"""What a form leaves open and its reader has to be told: names, tiers, price ids, endings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from services.pricing.domain import EndPolicy, Interval

TIERS = ("basic", "premium", "enterprise")
"""Document 000's tiers, which entitlements are asked for by."""

PRICE_VARIABLE = "STRIPE_PRICE_"

SUSPENDED: Mapping[str, str] = MappingProxyType(
    {"cpu": "500m", "memory": "1Gi", "storage": "0", "pods": "10", "services.loadbalancers": "0"}
)
"""The suspended plan that Kube-DC ships."""


class SourceForm(StrEnum):
    """The forms that a catalog is written in."""

    OWN = "own"
    BILLING_PLANS = "billing-plans"
    QUOTAS = "quotas"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What an import takes that its file does not say. The own form says it all and needs none.

    ``catalog``: its name, else ``kube-dc`` or ``hold``. ``tiers`` and ``features``: by plan id.
    ``price_ids``: values of ``STRIPE_PRICE_*`` by variable. ``amounts``: decimals by price id, or
    by ``<plan>/month`` and ``<plan>/year``, for a form without amounts. ``hold_url`` stands for
    ``{hold_url}``. What ends a plan, its retention and the suspended quota have the defaults of
    each form where they are None.
    """

    catalog: str = ""
    description: str = ""
    tiers: Mapping[str, str] = field(default_factory=dict)
    features: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    price_ids: Mapping[str, str] = field(default_factory=dict)
    amounts: Mapping[str, str] = field(default_factory=dict)
    hold_url: str = ""
    on_unpaid: EndPolicy | None = None
    on_end: EndPolicy | None = None
    retention_seconds: int | None = None
    suspended_quota: Mapping[str, str] = field(default_factory=lambda: SUSPENDED)

    def price_id(self, item: str) -> str:
        """Return the price id that the environment gives a plan or add-on, else nothing."""
        return self.price_ids.get(PRICE_VARIABLE + item.upper().replace("-", "_"), "")

    def amount(self, plan: str, interval: Interval, price_id: str) -> str | None:
        """Return what a price of a plan costs, if that is known."""
        return self.amounts.get(price_id) or self.amounts.get(f"{plan}/{interval.value}")
