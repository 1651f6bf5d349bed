"""The nodes that kwok keeps: they take pods, make them ready and run nothing."""

from typing import Any

from tests.cluster.api import Api
from tests.cluster.errors import ClusterError

_SIZE = {"cpu": "32", "memory": "256Gi", "pods": "1000", "ephemeral-storage": "1Ti"}


def _node(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "type": "kwok"},
        },
        "status": {"allocatable": _SIZE, "capacity": _SIZE},
    }


def add_nodes(api: Api, count: int) -> None:
    """Make the nodes."""
    for number in range(count):
        status, body = api.call("POST", "/api/v1/nodes", _node(f"node-{number}"))
        if status != 201:
            raise ClusterError(f"A node could not be made: {body}")


def nodes_are_ready(api: Api, count: int) -> bool:
    """Whether that many nodes say that they are ready, and none is shut to pods."""
    status, body = api.call("GET", "/api/v1/nodes")
    nodes = body["items"] if status == 200 else []
    return len([node for node in nodes if _is_ready(node)]) >= count


def _is_ready(node: dict[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    ready = any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
    return ready and not node["spec"].get("taints")
