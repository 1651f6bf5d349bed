"""What custom resources are billed by: rules of a catalog, their form, and what they derive."""

import json
from pathlib import Path

import pytest

from services.chassis.errors import InvalidArgument, Violations
from services.pricing.catalog_file import parse_catalog
from services.pricing.costing import ResourceRequest
from services.pricing.errors import CatalogRejected
from services.pricing.kinds import derive
from services.pricing.objects import CustomObject, ObjectRequest, checked_object
from services.pricing.sources import differences
from services.pricing.sources.own_yaml import canonical, own_text

SCAFFOLDER = Path("deploy/catalogs/scaffolder.yaml").read_text()
CATALOG = parse_catalog(SCAFFOLDER, "scaffolder.yaml")
RULES = {rule.kind: rule for rule in CATALOG.kinds.values()}
# Document 000's own object.
WORDPRESS = {
    "wordpress": {
        "image": "wordpress:6.4",
        "resources": {"requests": {"cpu": "2", "memory": "4Gi"}},
        "replicas": 2,
    },
    "mysql": {"image": "mysql:8.0", "storage": {"size": "20Gi"}},
}


def made(kind: str, spec: object, api_version: str = "apps.example.com/v1") -> CustomObject:
    return checked_object(ObjectRequest(api_version, kind, spec=json.dumps(spec)))


def derived(kind: str, spec: object) -> list[ResourceRequest]:
    bad = Violations()
    found = derive(RULES[kind], made(kind, spec).spec, bad)
    bad.raise_if_any()
    return [one.request for one in found]


def test_the_documents_wordpress_is_billed_by_its_two_parts() -> None:
    assert derived("WordPress", WORDPRESS) == [
        ResourceRequest("wordpress", "2", "4Gi", "5Gi", 2),
        ResourceRequest("mysql", "250m", "512Mi", "20Gi", 1),
    ]


def test_what_has_no_replicas_is_not_billed_and_the_rest_is() -> None:
    resting = {**WORDPRESS, "wordpress": {"replicas": 0, "resources": {"requests": {"cpu": "2"}}}}
    assert derived("WordPress", resting) == [ResourceRequest("mysql", "250m", "512Mi", "20Gi", 1)]


def test_a_web_application_is_billed_for_the_most_that_it_may_become_and_each_volume() -> None:
    spec = {
        "replicas": 2,
        "autoscaling": {"minReplicas": 2, "maxReplicas": 6},
        "resources": {"requests": {"cpu": 0.5, "memory": "1Gi"}},
        "volumes": [{"size": "10Gi"}, {"size": 3}],
    }
    assert derived("WebApp", spec) == [
        ResourceRequest("webapp", "0.5", "1Gi", "", 6),
        ResourceRequest("volume", "", "", "10Gi", 1),
        ResourceRequest("volume", "", "", "3", 1),
    ]
    del spec["autoscaling"]
    assert derived("WebApp", spec)[0].replicas == 2


def test_what_an_empty_spec_gets_is_billed_by_the_defaults() -> None:
    assert derived("Database", {}) == [ResourceRequest("database", "500m", "1Gi", "10Gi", 1)]


def test_each_place_of_a_size_that_is_none_is_named() -> None:
    spec = {
        "replicas": "many",
        "resources": {"requests": {"cpu": True, "memory": ["1Gi"]}},
        "volumes": [{}, {"size": {}}],
    }
    with pytest.raises(InvalidArgument) as refused:
        derived("WebApp", spec)
    assert {bad.field for bad in refused.value.fields} == {
        "spec.replicas",
        "spec.resources.requests.cpu",
        "spec.resources.requests.memory",
        "spec.volumes[0].size",
        "spec.volumes[1].size",
    }
    with pytest.raises(InvalidArgument, match=r"spec\.volumes: expected a list"):
        derived("WebApp", {"volumes": "none"})


def test_a_part_that_is_not_asked_for_is_not_billed() -> None:
    text = SCAFFOLDER.replace("type: mysql", "type: mysql\n        when: mysql.enabled")
    rule = parse_catalog(text, "s.yaml").kinds["wordpresses.apps.example.com/v1"]
    for mysql, count in (({"enabled": True}, 2), ({"enabled": False}, 1), ({}, 1), (None, 1)):
        spec = made("WordPress", {"mysql": mysql}).spec
        assert len(derive(rule, spec, Violations())) == count


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("path: wordpress.replicas", "path: wordpress..replicas", "resources[0].replicas.path"),
        ("path: wordpress.replicas", "pth: wordpress.replicas", "resources[0].replicas.pth"),
        ("default: 500m}", "default: much}", "resources[0].cpu"),
        ("kind: WordPress", "kind: word press", "kind"),
        ("type: mysql", "type: ''", "resources[1].type"),
        ("size, default: 10Gi", "size, default: -1Gi", "resources[1].storage"),
    ],
)
def test_a_rule_that_is_wrong_is_refused_with_its_line_and_key(
    old: str, new: str, key: str
) -> None:
    text = SCAFFOLDER.replace(old, new, 1)
    with pytest.raises(CatalogRejected) as refused:
        parse_catalog(text, "s.yaml")
    (problem,) = refused.value.problems
    assert f": kinds.wordpresses.apps.example.com/v1.{key}: " in problem
    number = int(problem.split(":")[1])
    first = key.rpartition(".")[2].rstrip("]").partition("[")[0]
    assert first in text.splitlines()[number - 1] or new in text.splitlines()[number - 1]


def test_kinds_and_session_rates_are_carried_over_into_our_own_form_again() -> None:
    for name in ("scaffolder", "sessions"):
        catalog = parse_catalog(Path(f"deploy/catalogs/{name}.yaml").read_text(), name)
        again = parse_catalog(own_text(catalog), "again.yaml")
        assert differences(catalog, again) == []
        assert (again.kinds, again.sessions) == (catalog.kinds, catalog.sessions)
        assert canonical(again).version == canonical(catalog).version


def test_another_default_is_a_difference() -> None:
    other = parse_catalog(SCAFFOLDER.replace("default: 5Gi", "default: 6Gi"), "s.yaml")
    assert [one.key for one in differences(CATALOG, other)] == [
        "kinds.wordpresses.apps.example.com/v1"
    ]


@pytest.mark.parametrize(
    "spec",
    [
        "[]",
        "nothing",
        '{"a": NaN}',
        '{"a": 1, "a": 2}',
        '{"a": 1e999999}',
        "[" * 10_000,
        '{"a":' * 65 + "1" + "}" * 65,
        '"\\ud800"',
    ],
)
def test_a_spec_that_cannot_be_read_exactly_is_refused(spec: str) -> None:
    with pytest.raises(InvalidArgument, match=r"object\.spec"):
        checked_object(ObjectRequest("apps.example.com/v1", "WebApp", spec=spec))


def test_an_object_without_a_group_or_a_kind_is_refused_with_both_named() -> None:
    with pytest.raises(InvalidArgument) as refused:
        checked_object(ObjectRequest("v1", "", namespace="n" * 300))
    assert {bad.field for bad in refused.value.fields} == {
        "object.api_version",
        "object.kind",
        "object.namespace",
    }


def test_a_spec_has_one_hash_however_it_is_written() -> None:
    first = checked_object(ObjectRequest("a.b/v1", "K", spec='{"b": 1.50, "a": [1, true, null]}'))
    again = checked_object(ObjectRequest("a.b/v1", "K", spec='{ "a":[1,true,null],"b":15e-1 }'))
    other = checked_object(ObjectRequest("a.b/v1", "K", spec='{"b": 1.51, "a": [1, true, null]}'))
    assert first.spec_hash == again.spec_hash != other.spec_hash
