"""What clients cannot do on the sandbox, by the test that the real plane alone passes, and why."""

LEFT_OUT = {
    "test_kubectl_explains_fields": (
        "its OpenAPI document says which parameters a patch takes, and holds no schemas"
    ),
    "test_kubectl_refuses_a_field_that_no_type_has": (
        "it would need the schemas of all built-in types, which are larger than the sandbox"
    ),
    "test_kubectl_creates_a_deployment_from_words": (
        "it sends protobuf, which the sandbox reads of a few types only; a file is JSON"
    ),
    "test_kubectl_creates_a_token": ("tokens of the sandbox are given to it by whoever starts it"),
}
