"""What the sandbox leaves out, by the test that the real API server alone has to pass, and why."""

LEFT_OUT = {
    "test_a_rule_in_cel_is_enforced": (
        "there is no CEL in Python that is small and complete; what Tollgate defines is bounded "
        "by its schema"
    ),
    "test_a_disruption_budget_holds_an_eviction_back": (
        "Tollgate evicts nothing; budgets are stored"
    ),
    "test_unknown_fields_of_built_in_types_are_dropped_or_refused": (
        "it would need the schemas of all built-in types, which are larger than the sandbox"
    ),
    "test_pod_security_refuses_a_privileged_pod": (
        "no pod runs in the sandbox; the labels are stored"
    ),
    "test_a_service_account_gets_a_token_that_works": (
        "tokens of the sandbox are given to it by whoever starts it"
    ),
    "test_a_cluster_role_is_aggregated": "nothing that Tollgate ships aggregates roles",
}
