"""Who may call which RPC of payments."""

from services.chassis.access import ANY_CALLER, AccessTable, Role, Rule

_SERVICE = "/tollgate.payments.v1.PaymentsService"
_GATEWAY = frozenset({"gateway"})
_SUBSCRIPTION = Rule(callers=frozenset({"subscription"}))
_OPERATOR = Rule(callers=_GATEWAY, roles=frozenset({Role.PLATFORM_ADMIN}))

ACCESS: AccessTable = {
    # Not callable from outside: a sender proves itself by its signature, to the gateway.
    f"{_SERVICE}/IngestEvents": Rule(callers=_GATEWAY),
    f"{_SERVICE}/GetProvider": Rule(callers=frozenset({ANY_CALLER}), roles=frozenset({Role.ANY})),
    f"{_SERVICE}/ListEvents": _OPERATOR,
    f"{_SERVICE}/ReplayEvent": _OPERATOR,
    # Subscription decides who buys what; payments only moves the money.
    f"{_SERVICE}/CreateCheckout": _SUBSCRIPTION,
    f"{_SERVICE}/GetCheckout": _SUBSCRIPTION,
    f"{_SERVICE}/CreatePortalSession": _SUBSCRIPTION,
    f"{_SERVICE}/ChangeSubscription": _SUBSCRIPTION,
    f"{_SERVICE}/EndSubscription": _SUBSCRIPTION,
    f"{_SERVICE}/RefundCheckout": _SUBSCRIPTION,
    f"{_SERVICE}/RefundSubscription": _SUBSCRIPTION,
    f"{_SERVICE}/RefreshSubscription": _SUBSCRIPTION,
}
