"""What the use cases of subscription need of the outside, one module for each side."""

from services.subscription.ports.payments import (
    NO_PROVIDER,
    BilledItem,
    EndMode,
    Page,
    PageOrder,
    PageState,
    Payments,
    Provider,
)
from services.subscription.ports.pricing import (
    Addon,
    CatalogInfo,
    Expansion,
    Interval,
    Plan,
    Price,
    Pricing,
    Quote,
    QuoteLine,
    ResolvedPrice,
    Selection,
)
from services.subscription.ports.provisioner import Provisioner, Usage
from services.subscription.ports.store import Store, SubscriptionTransactions

__all__ = [
    "NO_PROVIDER",
    "Addon",
    "BilledItem",
    "CatalogInfo",
    "EndMode",
    "Expansion",
    "Interval",
    "Page",
    "PageOrder",
    "PageState",
    "Payments",
    "Plan",
    "Price",
    "Pricing",
    "Provider",
    "Provisioner",
    "Quote",
    "QuoteLine",
    "ResolvedPrice",
    "Selection",
    "Store",
    "SubscriptionTransactions",
    "Usage",
]
