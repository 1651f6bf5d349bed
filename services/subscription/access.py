"""Who may call which RPC of subscription. What a person may see is decided in the use case."""

from services.chassis.access import AccessTable, Role, Rule
from services.chassis.sink import DELIVER
from services.subscription.servicer import SERVICE

_READERS = frozenset({"gateway", "payments"})
_SIGNED_IN = Rule(callers=_READERS, roles=frozenset({Role.ANY}))
_OPERATORS = Rule(callers=frozenset({"gateway"}), roles=frozenset({Role.PLATFORM_ADMIN}))

ACCESS: AccessTable = {
    DELIVER: Rule(callers=frozenset({"payments", "provisioner"})),
    f"/{SERVICE}/CreateAccount": Rule(callers=frozenset({"gateway"}), roles=frozenset({Role.ANY})),
    f"/{SERVICE}/GetAccount": _SIGNED_IN,
    f"/{SERVICE}/ListAccounts": _SIGNED_IN,
    f"/{SERVICE}/ListSubscriptions": _SIGNED_IN,
    f"/{SERVICE}/GetCapacityOrder": _SIGNED_IN,
    f"/{SERVICE}/ListPurchases": _OPERATORS,
    f"/{SERVICE}/ListParkedFacts": _OPERATORS,
}
