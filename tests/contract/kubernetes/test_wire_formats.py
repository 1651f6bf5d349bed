"""What kubectl and helm speak beside JSON: protobuf bodies, tables, the document of parameters."""

import base64

from tests.contract.kubernetes.cluster import STRATEGIC, Cluster
from tests.contract.kubernetes.objects import deployment, pod

KIND = "application/vnd.kubernetes.protobuf"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def message(number: int, content: bytes) -> bytes:
    """A field of protobuf that holds bytes, a text or a message, of less than 128 bytes."""
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


def protobuf(api_version: str, kind: str, content: bytes = b"") -> bytes:
    """A body as the clients of Kubernetes send it."""
    head = message(1, api_version.encode()) + message(2, kind.encode())
    return b"k8s\x00" + message(1, head) + message(2, content) + message(3, b"") + message(4, b"")


async def test_a_protobuf_body_makes_what_json_makes(cluster: Cluster) -> None:
    here = f"/api/v1/namespaces/{await cluster.namespace()}"
    labels = message(11, message(1, b"colour") + message(2, b"red"))
    metadata = message(1, message(1, b"one") + message(2, b"") + labels + b"\x38\x00\x42\x00")
    data = message(2, message(1, b"key") + message(2, b"\x00\xff"))
    body = protobuf("v1", "Secret", metadata + data + message(3, b"Opaque") + b"\x28\x00")
    made = await cluster.call("POST", f"{here}/secrets", body, content_type=KIND)
    assert made.status == 201
    found = (await cluster.call("GET", f"{here}/secrets/one")).body
    assert found["metadata"]["labels"] == {"colour": "red"}
    assert "generateName" not in found["metadata"]
    assert found["data"] == {"key": base64.b64encode(b"\x00\xff").decode()}
    assert (found["type"], found["immutable"]) == ("Opaque", False)


async def test_delete_options_come_in_protobuf(cluster: Cluster) -> None:
    here = f"/api/v1/namespaces/{await cluster.namespace()}"
    await cluster.call("POST", f"{here}/secrets", {"metadata": {"name": "one"}})
    other = protobuf("v1", "DeleteOptions", message(2, message(1, b"another-uid")))
    refused = await cluster.call("DELETE", f"{here}/secrets/one", other, content_type=KIND)
    assert refused.status == 409
    plain = protobuf("v1", "DeleteOptions")
    done = await cluster.call("DELETE", f"{here}/secrets/one", plain, content_type=KIND)
    assert done.status == 200


async def test_what_is_no_protobuf_is_refused(cluster: Cluster) -> None:
    here = f"/api/v1/namespaces/{await cluster.namespace()}"
    for body in (b"{}", b"k8s\x00\x0a\x7f"):
        answer = await cluster.call("POST", f"{here}/secrets", body, content_type=KIND)
        assert answer.status in (400, 415)


async def test_columns_are_printed_for_people(cluster: Cluster) -> None:
    here = f"/api/v1/namespaces/{await cluster.namespace()}"
    await cluster.until(f"{here}/serviceaccounts/default", lambda answer: answer.status == 200)
    await cluster.call("POST", f"{here}/pods", pod("a"))
    answer = await cluster.call("GET", f"{here}/pods", accept=TABLE)
    assert answer.body["kind"] == "Table"
    names = [column["name"] for column in answer.body["columnDefinitions"]]
    assert names[:3] == ["Name", "Ready", "Status"]
    (row,) = answer.body["rows"]
    assert row["cells"][0] == "a"
    assert (row["object"]["kind"], row["object"]["metadata"]["name"]) == (
        "PartialObjectMetadata",
        "a",
    )


async def test_one_object_is_a_table_of_one_row(cluster: Cluster) -> None:
    base = f"/apis/apps/v1/namespaces/{await cluster.namespace()}/deployments"
    await cluster.call("POST", base, deployment("web", replicas=1))
    await cluster.until(
        f"{base}/web", lambda found: found.body.get("status", {}).get("readyReplicas") == 1
    )
    answer = await cluster.call("GET", f"{base}/web", accept=TABLE, includeObject="Object")
    cells = dict(zip(_names(answer.body), answer.body["rows"][0]["cells"], strict=True))
    assert (cells["Name"], cells["Ready"], cells["Up-to-date"]) == ("web", "1/1", 1)
    assert cells["Age"].endswith("s")
    assert answer.body["rows"][0]["object"]["kind"] == "Deployment"


def _names(table: dict[str, list[dict[str, str]]]) -> list[str]:
    # Of greater priority is what only a wide table shows.
    return [column["name"] for column in table["columnDefinitions"]]


async def test_openapi_says_which_parameters_a_patch_takes(cluster: Cluster) -> None:
    index = await cluster.call("GET", "/openapi/v3")
    link = index.body["paths"]["apis/apps/v1"]["serverRelativeURL"]
    path, _, query = link.partition("?")
    hashed = dict([query.split("=", 1)]) if query else {}
    document = (await cluster.call("GET", path, **hashed)).body
    patch = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {
        "group": "apps",
        "version": "v1",
        "kind": "Deployment",
    }
    named = {item["name"] for item in patch["parameters"] if item["in"] == "query"}
    assert {"dryRun", "fieldManager", "fieldValidation", "force"} <= named
    assert STRATEGIC in patch["requestBody"]["content"]
