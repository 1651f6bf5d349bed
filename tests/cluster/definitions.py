"""Custom resource definitions that others own, made known to a control plane."""

from collections.abc import Callable
from typing import Any

from tests.cluster.api import Api, wait_for
from tests.cluster.errors import ClusterError

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def define(api: Api, definitions: list[dict[str, Any]], alive: Callable[[], None]) -> None:
    """Make the definitions, and wait until the API server serves every one of them."""
    for definition in definitions:
        status, body = api.call("POST", DEFINITIONS, definition)
        if status not in (201, 409):
            raise ClusterError(f"{definition['metadata']['name']} could not be defined: {body}")
    names = {definition["metadata"]["name"] for definition in definitions}
    what = "That what others define is served"
    wait_for(what, lambda: names <= established(api), alive, 30)


def established(api: Api) -> set[str]:
    """The names of the definitions that the API server serves."""
    status, body = api.call("GET", DEFINITIONS)
    items = body["items"] if status == 200 else []
    return {item["metadata"]["name"] for item in items if _is_established(item)}


def _is_established(definition: dict[str, Any]) -> bool:
    # Before the API server has looked at one that was published with an empty list, it is null.
    conditions = definition.get("status", {}).get("conditions") or []
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)
