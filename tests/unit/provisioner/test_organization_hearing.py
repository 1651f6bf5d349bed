"""What the cache of organizations tells of, and how others' workloads are written to."""

from typing import Any

from services.provisioner.kube.kinds import Kind
from services.provisioner.kube.operations import operations, pins
from services.provisioner.kube.shelves import Shelf, Watched, by_namespace, scale_only, spec_only
from services.provisioner.objects import Live, Ref


def quota(version: str, pods: str, used: str = "0") -> Live:
    """Return a project's own quota, as one write left it."""
    content: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": "acme-web", "resourceVersion": version},
        "spec": {"hard": {"pods": pods}},
        "status": {"used": {"pods": used}},
    }
    return Live(Ref("v1", "ResourceQuota", "acme-web", "q"), content)


def shelf(heard: list[tuple[str, str]]) -> Shelf:
    """Return a shelf that tells of what was asked for."""
    watched = Watched("caps", Kind("v1", "ResourceQuota"), {}, by_namespace, spec_only)
    return Shelf(
        watched,
        lambda place, live: heard.append((place, live.resource_version if live else "gone")),
    )


def test_usage_of_a_cap_is_not_told_and_its_change_is_whoever_made_it() -> None:
    heard: list[tuple[str, str]] = []
    kept = shelf(heard)
    kept.kept(quota("1", "5"))
    kept.kept(quota("2", "5", used="3"))
    assert heard == [("acme-web", "")]
    kept.kept(quota("3", "6"))
    kept.gone(quota("3", "6").ref)
    # Without a version it is nobody's echo.
    assert heard == [("acme-web", ""), ("acme-web", ""), ("acme-web", "gone")]


def workload(**metadata: Any) -> Live:
    """Return a person's Deployment."""
    content: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "namespace": "n", "uid": "u", "generation": 4, **metadata},
        "spec": {"replicas": 3, "paused": True},
        "status": {"replicas": 3},
    }
    return Live(Ref("apps/v1", "Deployment", "n", "a"), content)


def test_of_a_workload_at_rest_only_how_much_it_is_to_run_is_kept() -> None:
    kept = scale_only(workload(labels={"x": "y"}).content)
    assert kept["spec"] == {"replicas": 3}
    assert kept["metadata"] == {"name": "a", "namespace": "n"}


def test_a_workload_is_pinned_to_its_spec_and_what_is_taken_away_to_what_it_was() -> None:
    live = workload(labels={"a": "b"}, annotations={"x/y": "3"})
    patch: dict[str, Any] = {
        "metadata": {"annotations": {"x/y": None, "gone": None}, "labels": {"l": "true"}},
        "spec": {"replicas": 0},
    }
    path = "/metadata/annotations/x~1y"
    assert operations(patch, live) == [
        {"op": "test", "path": path, "value": "3"},
        {"op": "remove", "path": path},
        {"op": "add", "path": "/metadata/labels/l", "value": "true"},
        {"op": "add", "path": "/spec/replicas", "value": 0},
    ]
    assert pins(live) == [
        {"op": "test", "path": "/metadata/uid", "value": "u"},
        {"op": "test", "path": "/metadata/generation", "value": 4},
    ]


def test_where_a_mapping_is_not_there_yet_it_is_not_added_over_somebody_elses() -> None:
    assert operations({"metadata": {"labels": {"l": "true"}}}, workload()) is None
    assert pins(workload(generation=None)) is None
