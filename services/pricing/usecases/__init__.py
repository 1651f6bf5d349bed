"""What pricing does: one function a verb."""

from services.pricing.ports import CatalogTransactions, PricingTransactions
from services.pricing.usecases.asking import Asker
from services.pricing.usecases.catalogs import (
    ItemQuery,
    activate,
    expand_capacity,
    get_plan,
    list_addons,
    list_catalogs,
    list_plans,
    note_bad_source,
    resolve_prices,
)
from services.pricing.usecases.prices import (
    PriceDesk,
    calculate_price,
    card_in_force,
    compare_prices,
)
from services.pricing.usecases.quotes import (
    create_quote,
    forget_answers,
    get_quote,
    take_quote,
)
from services.pricing.usecases.rates import activate_rate_card, has_rate_card
from services.pricing.usecases.tiers import list_account_tiers, set_account_tier

__all__ = [
    "Asker",
    "CatalogTransactions",
    "ItemQuery",
    "PriceDesk",
    "PricingTransactions",
    "activate",
    "activate_rate_card",
    "calculate_price",
    "card_in_force",
    "compare_prices",
    "create_quote",
    "expand_capacity",
    "forget_answers",
    "get_plan",
    "get_quote",
    "has_rate_card",
    "list_account_tiers",
    "list_addons",
    "list_catalogs",
    "list_plans",
    "note_bad_source",
    "resolve_prices",
    "set_account_tier",
    "take_quote",
]
