"""Custom resources: served once defined, pruned, defaulted and validated by their schema."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from tests.contract.kubernetes.cluster import MERGE, Cluster
from tests.contract.kubernetes.objects import definition

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture
async def group(cluster: Cluster) -> AsyncIterator[str]:
    """The group of an established definition of Widgets; removed afterwards."""
    name = f"t{uuid4().hex[:8]}.example.com"
    body = definition(name)
    assert (await cluster.call("POST", CRDS, body)).status == 201
    await cluster.until(f"/apis/{name}/v1", lambda answer: answer.status == 200)
    yield name
    await cluster.call("DELETE", f"{CRDS}/widgets.{name}")


def _widget(group: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"{group}/v1",
        "kind": "Widget",
        "metadata": {"name": "w"},
        "spec": {"size": 1, **spec},
    }


async def _widgets(cluster: Cluster, group: str) -> str:
    return f"/apis/{group}/v1/namespaces/{await cluster.namespace()}/widgets"


async def test_the_definition_is_established_and_discovered(cluster: Cluster, group: str) -> None:
    found = await cluster.call("GET", f"{CRDS}/widgets.{group}")
    conditions = {item["type"]: item["status"] for item in found.body["status"]["conditions"]}
    assert conditions["Established"] == "True"
    widgets = await cluster.resource(f"{group}/v1", "Widget")
    assert widgets.namespaced
    listed = await cluster.call("GET", f"/apis/{group}/v1")
    assert listed.body["resources"][0]["shortNames"] == ["wd"]


async def test_unknown_fields_are_pruned_and_defaults_filled(cluster: Cluster, group: str) -> None:
    path = await _widgets(cluster, group)
    body = _widget(group, unknown=1, free={"kept": True})
    answer = await cluster.call("POST", path, body)
    assert answer.status == 201
    assert answer.body["spec"] == {"size": 1, "colour": "red", "free": {"kept": True}}


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"size": 10}, "spec.size"),
        ({"size": "big"}, "spec.size"),
        ({"colour": "green"}, "spec.colour"),
        ({"parts": [{"count": 1}]}, "spec.parts[0].name"),
    ],
)
async def test_what_the_schema_does_not_allow_is_invalid(
    cluster: Cluster, group: str, spec: dict[str, Any], field: str
) -> None:
    answer = await cluster.call("POST", await _widgets(cluster, group), _widget(group, **spec))
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert field in {cause["field"] for cause in answer.body["details"]["causes"]}


async def test_status_is_isolated_and_generation_counts_spec(cluster: Cluster, group: str) -> None:
    path = await _widgets(cluster, group)
    made = await cluster.call("POST", path, {**_widget(group), "status": {"phase": "Forged"}})
    assert "status" not in made.body
    told = {"status": {"phase": "Ready"}, "spec": {"size": 5}}
    answer = await cluster.call("PATCH", f"{path}/w/status", told, content_type=MERGE)
    assert answer.body["status"] == {"phase": "Ready"}
    assert answer.body["spec"]["size"] == 1
    assert answer.body["metadata"]["generation"] == 1
    grown = await cluster.call("PATCH", f"{path}/w", {"spec": {"size": 5}}, content_type=MERGE)
    assert grown.body["metadata"]["generation"] == 2
    assert grown.body["status"] == {"phase": "Ready"}


async def test_list_maps_of_the_schema_are_owned_by_item(cluster: Cluster, group: str) -> None:
    path = f"{await _widgets(cluster, group)}/w"
    await cluster.apply(path, _widget(group, parts=[{"name": "a", "count": 1}]), "alice")
    other = _widget(group, parts=[{"name": "b", "count": 2}])
    answer = await cluster.apply(path, other, "bob")
    assert [part["name"] for part in answer.body["spec"]["parts"]] == ["a", "b"]
    answer = await cluster.apply(path, _widget(group), "alice")
    assert [part["name"] for part in answer.body["spec"]["parts"]] == ["b"]


async def test_a_replacement_must_name_the_version_it_replaces(
    cluster: Cluster, group: str
) -> None:
    path = await _widgets(cluster, group)
    await cluster.call("POST", path, _widget(group))
    assert (await cluster.call("PUT", f"{path}/w", _widget(group, size=2))).status == 422


async def test_deleting_the_definition_deletes_its_objects(cluster: Cluster, group: str) -> None:
    path = await _widgets(cluster, group)
    await cluster.call("POST", path, _widget(group))
    await cluster.call("DELETE", f"{CRDS}/widgets.{group}")
    await cluster.until(f"{CRDS}/widgets.{group}", lambda answer: answer.status == 404)
    await cluster.until(path, lambda answer: answer.status == 404)
