"""Names, hashes, comparisons, and what an order may say."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis import quantities
from services.chassis.errors import InvalidArgument
from services.provisioner import naming, orders
from services.provisioner.compare import differences, digest, matches, same_amount
from services.provisioner.domain import Autoscale, JsonObject, Order, Version, Workload
from services.provisioner.errors import NoNameLeft
from services.provisioner.manifests import blueprint
from services.provisioner.naming import Naming, label_value
from services.provisioner.objects import Live, Ref
from services.provisioner.ownership import handover
from tests.unit.provisioner.world import PROFESSIONAL, World, order

AMOUNTS = st.builds(
    lambda number, suffix: f"{number}{suffix}",
    st.integers(0, 10**6),
    st.sampled_from(["", "k", "M", "Ki", "Mi", "m"]),
)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("6.4Gi", "6871947673600m", True),
        ("6400M", "6.4G", True),
        ("50", 50, True),
        ("1", "1000m", True),
        ("6.4Gi", "6.4G", False),
        ("1", True, False),
        ("1", "one", False),
        ("1", None, False),
    ],
)
def test_amounts_are_compared_as_amounts(left: str, right: Any, same: bool) -> None:
    assert same_amount(left, right) is same


@given(AMOUNTS, st.integers(0, 3))
def test_an_amount_equals_itself_however_it_is_written(text: str, zeros: int) -> None:
    padded = f"{int(quantities.parse(text) * 1000)}.{'0' * zeros}m"
    assert same_amount(text, padded)
    spelled = {"spec": {"hard": {"memory": padded}}}
    assert matches({"spec": {"hard": {"memory": text}}}, spelled)
    assert digest({"spec": {"hard": {"memory": text}}}) == digest(spelled)


@given(AMOUNTS, AMOUNTS)
def test_other_amounts_have_other_hashes(one: str, other: str) -> None:
    same = quantities.parse(one) == quantities.parse(other)
    hashes = {digest({"hard": {"pods": text}}) for text in (one, other)}
    assert (len(hashes) == 1) is same


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=3), JSONS, max_size=4))
def test_a_hash_does_not_depend_on_the_order_of_keys(content: dict[str, Any]) -> None:
    turned = dict(reversed(list(content.items())))
    assert digest(content) == digest(json.loads(json.dumps(turned)))


LETTERS = st.text(alphabet="xyz-ä€", max_size=3)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LETTERS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(LETTERS, PLAIN, max_size=4))
def test_a_hash_is_of_the_bytes_of_which_it_always_was(content: dict[str, Any]) -> None:
    raw = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    assert digest(content) == hashlib.sha256(raw).hexdigest()[:32]


@given(st.dictionaries(st.text(max_size=3), JSONS, max_size=4), st.text(min_size=4, max_size=5))
def test_what_others_add_is_no_difference_and_what_is_missing_is(
    content: dict[str, Any], key: str
) -> None:
    assert matches(content, {**content, key: "theirs"})
    assert not matches({**content, key: "ours"}, content)


def test_the_bounds_of_containers_are_amounts_too() -> None:
    wanted: JsonObject = {"spec": {"limits": [{"type": "Container", "max": {"memory": "1Gi"}}]}}
    live: JsonObject = {
        "spec": {"limits": [{"type": "Container", "max": {"memory": "1073741824"}}]}
    }
    assert matches(wanted, live)
    assert digest(wanted) == digest(live)
    assert not matches({"name": "1k"}, {"name": "1000"})


def test_one_more_rule_is_a_difference() -> None:
    wanted: JsonObject = {"spec": {"egress": [{"to": [{"podSelector": {}}]}]}}
    live: JsonObject = {"spec": {"egress": [{"to": [{"podSelector": {}}]}, {}]}}
    assert not matches(wanted, live)
    assert differences(wanted, live) == ["spec.egress"]


async def test_a_hash_is_of_the_content_and_not_of_the_order() -> None:
    async def hashes(generation: int) -> set[str]:
        tenant = await World().take(order(generation))
        parts = blueprint(tenant, PROFESSIONAL).parts
        made = [Live(part.ref, part.wanted(None)) for part in parts]
        assert {one.version for one in made} == {Version(1, generation)}
        return {one.annotation(naming.ANNOTATION_HASH) for one in made}

    assert await hashes(1) == await hashes(2)


@given(st.text(min_size=1, max_size=40), st.integers(0, 90))
def test_a_namespace_is_named_after_its_tenant_and_is_a_dns_label(
    tenant: str, attempt: int
) -> None:
    name, taken = Naming().candidate(tenant, attempt)
    assert (name, taken) == Naming().candidate(tenant, attempt)
    tail = name.removeprefix("customer-")
    assert len(tail) >= 8
    assert tail.isalnum()
    assert tail == tail.lower()
    assert len(name) <= 63


def test_a_refused_name_is_passed_over() -> None:
    first, _ = Naming().candidate("ten_1", 0)
    second, attempt = Naming(refused=frozenset({first})).candidate("ten_1", 0)
    assert second != first
    assert attempt == 1


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-anything", "mine"])
def test_reserved_names_are_never_taken(name: str) -> None:
    assert not Naming(refused=frozenset({"mine"})).may_take(name)


@pytest.mark.parametrize("prefix", ["kube-", "customer", "Customer-", "-", "", "a_b-"])
def test_a_prefix_that_cannot_begin_a_name_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="namespace"):
        Naming(prefix)


def test_names_run_out_in_words() -> None:
    with pytest.raises(NoNameLeft):
        Naming().candidate("ten_1", 100)


@given(st.text(max_size=200))
def test_a_label_value_is_one_whatever_it_is_made_of(text: str) -> None:
    value = label_value(text)
    assert len(value) <= 63
    assert all(sign.isascii() and (sign.isalnum() or sign in "._-") for sign in value)
    assert not value or (value[0].isalnum() and value[-1].isalnum())


def test_long_plans_keep_apart_as_labels() -> None:
    assert label_value("c/" + "a" * 80 + "x") != label_value("c/" + "a" * 80 + "y")


BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"account": "Acc 1"}, "account"),
    ({"incarnation": 0}, "incarnation"),
    ({"generation": 0}, "generation"),
    ({"epoch": 0}, "epoch"),
    ({"plan": "professional"}, "plan"),
    ({"owner_subject": "system:masters"}, "owner_subject"),
    ({"owner_subject": "a" * 300}, "owner_subject"),
    ({"organization": "a\nb"}, "organization"),
]
BAD_CAPACITIES: list[tuple[dict[str, Any], str]] = [
    ({"warm_pool": 1001}, "warm_pool"),
    ({"quota": {"pods": "-1"}}, "quota['pods']"),
    ({"quota": {"pods": "0.1n"}}, "quota['pods']"),
    ({"quota": {"po ds": "1"}}, "quota['po ds']"),
    ({"autoscale": Autoscale(0, 5, 50)}, "autoscale.min"),
    ({"autoscale": Autoscale(5, 4, 50)}, "autoscale.max"),
    ({"autoscale": Autoscale(1, 4, 101)}, "autoscale.cpu_percent"),
    ({"workload": None}, "workload"),
    ({"workload": Workload("")}, "workload.image"),
    ({"workload": Workload("a", port=65536)}, "workload.port"),
]


def bad_fields(one: Order) -> list[str]:
    with pytest.raises(InvalidArgument) as refused:
        orders.check(one)
    return [bad.field for bad in refused.value.fields]


@pytest.mark.parametrize(("changes", "field"), BAD_FIELDS)
def test_a_bad_field_of_an_order_is_named(changes: dict[str, Any], field: str) -> None:
    others = {key: value for key, value in changes.items() if key != "generation"}
    assert bad_fields(order(changes.get("generation", 1), **others)) == [field]


@pytest.mark.parametrize(("changes", "field"), BAD_CAPACITIES)
def test_a_bad_field_of_a_capacity_is_named(changes: dict[str, Any], field: str) -> None:
    wrong = order(capacity=replace(PROFESSIONAL, **changes))
    assert bad_fields(wrong) == [f"capacity.namespace.{field}"]


def test_the_documents_order_can_be_taken() -> None:
    orders.check(order(owner_subject="alice@example.com", organization="acme"))


def entry(
    operation: str, fields: dict[str, Any], manager: str = naming.FIELD_MANAGER
) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields}


def live_with(*entries: dict[str, Any]) -> Live:
    ref = Ref("v1", "Thing", "ns", "x")
    metadata: JsonObject = {"name": "x", "managedFields": list(entries)}
    return Live(ref, {"apiVersion": "v1", "kind": "Thing", "metadata": metadata})


def test_our_entries_become_one_applied_one_and_others_stay() -> None:
    theirs = entry("Update", {"f:status": {}}, "kubelet")
    live = live_with(
        entry("Update", {"f:spec": {"f:a": {}}}),
        theirs,
        entry("Apply", {"f:spec": {"f:b": {}}, "f:metadata": {}}),
    )
    fields = handover(live, {"spec": {}})
    both: dict[str, Any] = {"f:spec": {"f:a": {}, "f:b": {}}, "f:metadata": {}}
    assert fields == [entry("Apply", both), theirs]


def test_replicas_are_given_up_unless_they_are_applied() -> None:
    live = live_with(entry("Apply", {"f:spec": {"f:replicas": {}, "f:a": {}}}))
    assert handover(live, {"spec": {"replicas": 3}}) is None
    assert handover(live, {"spec": {}}) == [entry("Apply", {"f:spec": {"f:a": {}}})]


def test_an_object_that_is_all_others_is_left_to_the_apply() -> None:
    assert handover(live_with(entry("Update", {}, "kubectl")), {}) is None
