"""Who may call which RPC of subscription. What a person may see is decided in the use case."""

from services.chassis.access import AccessTable, Role, Rule
from services.chassis.sink import DELIVER
from services.subscription.servicer import CREDITS, SERVICE

_READERS = frozenset({"gateway", "payments"})
_SIGNED_IN = Rule(callers=_READERS, roles=frozenset({Role.ANY}))
# What a person may change is decided in the use case: only the account's own admin does.
_CUSTOMERS = Rule(callers=frozenset({"gateway"}), roles=frozenset({Role.ANY}))
# Who may have a session is decided by who spends for it.
_SPENDERS = Rule(callers=frozenset({"gateway", "provisioner"}))
_OPERATORS = Rule(callers=frozenset({"gateway"}), roles=frozenset({Role.PLATFORM_ADMIN}))

ACCESS: AccessTable = {
    DELIVER: Rule(callers=frozenset({"payments", "pricing", "provisioner"})),
    f"/{SERVICE}/CreateAccount": _CUSTOMERS,
    f"/{SERVICE}/GetAccount": _SIGNED_IN,
    f"/{SERVICE}/ListAccounts": _SIGNED_IN,
    # Pricing asks for an operator, who wants to know what a new version would touch.
    f"/{SERVICE}/ListSubscriptions": Rule(
        callers=_READERS | {"pricing"}, roles=frozenset({Role.ANY})
    ),
    f"/{SERVICE}/GetCapacityOrder": _SIGNED_IN,
    f"/{SERVICE}/ListPurchases": _OPERATORS,
    f"/{SERVICE}/ListParkedFacts": _OPERATORS,
    f"/{SERVICE}/CreateSubscription": _CUSTOMERS,
    f"/{SERVICE}/UpdateSubscription": _CUSTOMERS,
    f"/{SERVICE}/CancelSubscription": _CUSTOMERS,
    f"/{SERVICE}/VerifyCheckout": _CUSTOMERS,
    f"/{SERVICE}/CreatePortalSession": _CUSTOMERS,
    f"/{SERVICE}/ValidateSubscription": _CUSTOMERS,
    f"/{SERVICE}/AssignPlan": _OPERATORS,
    f"/{SERVICE}/EndAssignment": _OPERATORS,
    f"/{CREDITS}/GetCreditBalance": _SIGNED_IN,
    f"/{CREDITS}/ListCreditEntries": _SIGNED_IN,
    f"/{CREDITS}/GrantCredits": _OPERATORS,
    f"/{CREDITS}/DebitCredits": _SPENDERS,
    f"/{CREDITS}/HoldCredits": _SPENDERS,
    f"/{CREDITS}/CaptureHold": _SPENDERS,
    f"/{CREDITS}/ReleaseHold": _SPENDERS,
}
