"""Who may call which RPC of pricing. The catalog is open to everyone signed in.

Everyone signed in may also ask what things have cost; whose costs is decided in the use case.
"""

from services.chassis.access import AccessTable, Role, Rule
from services.chassis.sink import DELIVER
from services.pricing.costs.servicer import COSTS, PROVISIONER
from services.pricing.servicer import SERVICE

_CATALOG = Rule(callers=frozenset({"gateway", "subscription"}), roles=frozenset({Role.ANY}))
_INTERNAL = Rule(callers=frozenset({"subscription"}), roles=frozenset({Role.PLATFORM_ADMIN}))
_OPERATORS = Rule(callers=frozenset({"gateway"}), roles=frozenset({Role.PLATFORM_ADMIN}))

# What whoever is shown a quote has to check it with: nobody has to be signed in for it.
_PUBLIC = Rule(callers=frozenset({"gateway"}), anonymous=True)
_CHECKERS = frozenset({"gateway", "subscription", "payments", "provisioner"})
_QUOTES = Rule(callers=_CHECKERS, roles=frozenset({Role.ANY}))

ACCESS: AccessTable = {
    f"/{SERVICE}/ListCatalogs": _CATALOG,
    f"/{SERVICE}/ListPlans": _CATALOG,
    f"/{SERVICE}/GetPlan": _CATALOG,
    f"/{SERVICE}/ListAddons": _CATALOG,
    f"/{SERVICE}/ResolvePrices": _INTERNAL,
    f"/{SERVICE}/ExpandCapacity": _CATALOG,
    f"/{SERVICE}/CalculatePrice": _CATALOG,
    f"/{SERVICE}/ComparePrices": _CATALOG,
    f"/{SERVICE}/SetAccountTier": _OPERATORS,
    f"/{SERVICE}/ListAccountTiers": _OPERATORS,
    f"/{SERVICE}/ListCatalogSources": _OPERATORS,
    f"/{SERVICE}/CreateQuote": _CATALOG,
    f"/{SERVICE}/GetQuote": _CATALOG,
    f"/{SERVICE}/PriceObject": _QUOTES,
    f"/{SERVICE}/MatchQuote": _QUOTES,
    f"/{SERVICE}/VerifyQuote": _QUOTES,
    f"/{SERVICE}/ListQuoteKeys": _PUBLIC,
    f"/{SERVICE}/DryRunVersion": _OPERATORS,
    f"/{SERVICE}/CalculateSessionCost": Rule(
        callers=frozenset({"gateway", "provisioner"}), roles=frozenset({Role.ANY})
    ),
    f"/{SERVICE}/ReportSessionMargins": _OPERATORS,
    f"/{SERVICE}/TakeQuote": Rule(callers=frozenset({"subscription", "payments", "provisioner"})),
}

_COSTS = Rule(callers=frozenset({"gateway"}), roles=frozenset({Role.ANY}))

COST_ACCESS: AccessTable = {
    DELIVER: Rule(callers=frozenset({PROVISIONER})),
    f"/{COSTS}/ListCostRecords": _COSTS,
    f"/{COSTS}/GetCostReport": _COSTS,
    f"/{COSTS}/ForecastCosts": _COSTS,
    f"/{COSTS}/CreateBudget": _COSTS,
    f"/{COSTS}/GetBudget": _COSTS,
    f"/{COSTS}/ListBudgets": _COSTS,
    f"/{COSTS}/UpdateBudget": _COSTS,
    f"/{COSTS}/DeleteBudget": _COSTS,
    f"/{COSTS}/GetBudgetWebhookSecret": _COSTS,
    f"/{COSTS}/ListBudgetAlerts": _COSTS,
    f"/{COSTS}/ListRecommendations": _COSTS,
}
"""The rules of what is served beside ``PricingService``."""
