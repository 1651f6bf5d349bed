"""Who may call which RPC of pricing. The catalog is open to everyone signed in."""

from services.chassis.access import AccessTable, Role, Rule
from services.pricing.servicer import SERVICE

_CATALOG = Rule(callers=frozenset({"gateway", "subscription"}), roles=frozenset({Role.ANY}))
_INTERNAL = Rule(callers=frozenset({"subscription"}), roles=frozenset({Role.PLATFORM_ADMIN}))

ACCESS: AccessTable = {
    f"/{SERVICE}/ListCatalogs": _CATALOG,
    f"/{SERVICE}/ListPlans": _CATALOG,
    f"/{SERVICE}/GetPlan": _CATALOG,
    f"/{SERVICE}/ListAddons": _CATALOG,
    f"/{SERVICE}/ResolvePrices": _INTERNAL,
    f"/{SERVICE}/ExpandCapacity": _CATALOG,
    f"/{SERVICE}/CalculatePrice": _CATALOG,
    f"/{SERVICE}/CreateQuote": _CATALOG,
    f"/{SERVICE}/GetQuote": _CATALOG,
    f"/{SERVICE}/TakeQuote": Rule(callers=frozenset({"subscription", "payments", "provisioner"})),
}
