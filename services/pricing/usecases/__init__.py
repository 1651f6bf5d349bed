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
from services.pricing.usecases.objects import Match, PricedObject, match_quote, price_object
from services.pricing.usecases.observed import catalog_sources, take_source, take_source_again
from services.pricing.usecases.prices import (
    PriceDesk,
    calculate_price,
    card_in_force,
    compare_prices,
    price_shown,
)
from services.pricing.usecases.quotes import (
    create_quote,
    forget_answers,
    get_quote,
    take_quote,
    verify_quote,
)
from services.pricing.usecases.rates import activate_rate_card, has_rate_card
from services.pricing.usecases.sessions import calculate_session_cost, report_session_margins
from services.pricing.usecases.source_list import list_catalog_sources
from services.pricing.usecases.tiers import list_account_tiers, set_account_tier
from services.pricing.usecases.versions import VersionDesk, dry_run_catalog, dry_run_rate_card

__all__ = [
    "Asker",
    "CatalogTransactions",
    "ItemQuery",
    "Match",
    "PriceDesk",
    "PricedObject",
    "PricingTransactions",
    "VersionDesk",
    "activate",
    "activate_rate_card",
    "calculate_price",
    "calculate_session_cost",
    "card_in_force",
    "catalog_sources",
    "compare_prices",
    "create_quote",
    "dry_run_catalog",
    "dry_run_rate_card",
    "expand_capacity",
    "forget_answers",
    "get_plan",
    "get_quote",
    "has_rate_card",
    "list_account_tiers",
    "list_addons",
    "list_catalog_sources",
    "list_catalogs",
    "list_plans",
    "match_quote",
    "note_bad_source",
    "price_object",
    "price_shown",
    "report_session_margins",
    "resolve_prices",
    "set_account_tier",
    "take_quote",
    "take_source",
    "take_source_again",
    "verify_quote",
]
