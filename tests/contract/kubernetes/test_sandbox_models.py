"""Seeded walks: ownership keeps its invariants, lists of the past equal what was there."""

import random
from pathlib import Path
from typing import Any

import pytest

from deploy.sandbox.kubernetes.core.errors import ApiError
from deploy.sandbox.kubernetes.core.objects import copy_of
from deploy.sandbox.kubernetes.core.selectors import Filter, parse_labels
from deploy.sandbox.kubernetes.fields.apply import apply
from deploy.sandbox.kubernetes.fields.managers import (
    APPLY,
    UPDATE,
    Manager,
    decode,
    record_creation,
    record_update,
    write,
)
from deploy.sandbox.kubernetes.fields.paths import (
    fields_of,
    from_fields_v1,
    keyed_items,
    owned_paths,
    prefixes,
    to_fields_v1,
)
from deploy.sandbox.kubernetes.fields.shapes import NativeShape, Shape
from deploy.sandbox.kubernetes.resources.builtin import BUILTIN_TYPES
from deploy.sandbox.kubernetes.resources.registry import Registry
from deploy.sandbox.kubernetes.storage.journal import FileJournal
from deploy.sandbox.kubernetes.storage.records import Key
from deploy.sandbox.kubernetes.storage.store import Store
from deploy.sandbox.kubernetes.verbs.listing import ListQuery, list_page
from deploy.sandbox.kubernetes.verbs.requests import Target

SHAPE = NativeShape("Deployment")


def _container(rng: random.Random, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name}
    if rng.random() < 0.6:
        found["image"] = rng.choice("xyz")
    if rng.random() < 0.5:
        found["ports"] = [{"containerPort": port} for port in rng.sample([80, 81, 82], 2)]
    if rng.random() < 0.5:
        found["env"] = [{"name": key, "value": rng.choice("12")} for key in rng.sample("ABC", 2)]
    if rng.random() < 0.3:
        found["args"] = rng.sample("abc", 2)
    return found


def _configuration(rng: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {"metadata": {"name": "w"}, "spec": {}}
    if rng.random() < 0.6:
        found["metadata"]["labels"] = {key: rng.choice("12") for key in rng.sample("klm", 2)}
    if rng.random() < 0.6:
        found["spec"]["replicas"] = rng.randrange(3)
    if rng.random() < 0.8:
        names = rng.sample(["c1", "c2", "c3"], rng.randrange(1, 3))
        containers = [_container(rng, name) for name in names]
        found["spec"]["template"] = {"spec": {"containers": containers}}
    return found


def _holds(whole: Any, part: Any, shape: Shape) -> bool:
    if isinstance(part, dict):
        return all(k in whole and _holds(whole[k], v, shape.field(k)) for k, v in part.items())
    keyed = keyed_items(part, shape) if isinstance(part, list) else None
    if keyed is None:
        return bool(whole == part)
    there = keyed_items(whole, shape) or {}
    return all(k in there and _holds(there[k], v, shape.item()) for k, v in keyed.items())


def _check_ownership(live: dict[str, Any]) -> None:
    """Every field that is there has an owner, and nobody owns what is not there."""
    managers = decode(live["metadata"].get("managedFields", []))
    owned = frozenset().union(*(found.fields for found in managers.values()))
    there = owned_paths(live, SHAPE)
    assert owned <= prefixes(there)
    assert {path for path in there if len(path) > 1} <= prefixes(owned)
    for found in managers.values():
        assert from_fields_v1(to_fields_v1(found.fields)) == found.fields


@pytest.mark.parametrize("seed", range(4))
def test_a_creator_owns_the_same_whether_it_is_worked_out_at_once_or_by_paths(seed: int) -> None:
    rng = random.Random(seed)
    actor = Manager("m", UPDATE, "apps/v1")
    for _ in range(200):
        obj = _configuration(rng) | {"status": {"conditions": [{"type": "A", "status": "True"}]}}
        assert fields_of(obj, SHAPE) == to_fields_v1(owned_paths(obj, SHAPE, open_maps=True))
        other = copy_of(obj)
        record_creation(obj, actor, "now", SHAPE, owns_status=False)
        record_update(None, other, actor, "now", SHAPE, owns_status=False)
        assert obj == other


@pytest.mark.parametrize("seed", range(4))
def test_applies_of_two_managers_keep_ownership_true(seed: int) -> None:
    rng = random.Random(seed)
    refused = 0
    for _ in range(40):
        live: dict[str, Any] = {"metadata": {"name": "w"}, "spec": {}}
        for step in range(8):
            config, actor = _configuration(rng), Manager(rng.choice("AB"), APPLY, "apps/v1")
            force = rng.random() < 0.7
            try:
                done = apply(copy_of(live), copy_of(config), actor, f"t{step}", SHAPE, force=force)
            except ApiError as error:
                if force or error.code != 409:
                    raise
                refused += 1
                continue
            write(done.obj, done.managers)
            live = copy_of(done.obj)
            assert _holds(live, config, SHAPE)
            _check_ownership(live)
            again = apply(copy_of(live), copy_of(config), actor, "later", SHAPE, force=False)
            write(again.obj, again.managers)
            assert again.obj == live
    assert refused


def _walk(store: Store, rng: random.Random) -> dict[int, list[dict[str, Any]]]:
    """Random writes; returns the objects after each revision, in order."""
    moments: dict[int, list[dict[str, Any]]] = {}
    for number in range(200):
        namespace, name = rng.choice("ab"), f"n{rng.randrange(12)}"
        key = Key("configmaps", namespace, name)
        if store.get(key) and rng.random() < 0.4:
            store.remove(key)
        else:
            metadata = {"name": name, "namespace": namespace, "uid": f"{key}{number}"}
            store.put(key, {"metadata": {**metadata, "labels": {"x": rng.choice("pq")}}})
        moments[store.revision] = [found.obj for found in store.select("configmaps")]
    return moments


@pytest.mark.parametrize("seed", range(3))
def test_lists_and_pages_of_the_past_equal_what_was_there(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    journal = FileJournal(tmp_path)
    store = Store(1000, journal)
    journal.replay(store)
    moments = _walk(store, rng)
    type_, version = Registry(BUILTIN_TYPES).served("", "v1", "configmaps")
    for revision in rng.sample(sorted(moments), 20):
        for namespace in ("", "a"):
            wanted = Filter(parse_labels(rng.choice(["", "x=p", "x!=p"])))
            expected = [
                obj
                for obj in moments[revision]
                if namespace in ("", obj["metadata"]["namespace"]) and wanted.accepts(obj)
            ]
            target = Target(type_, version, namespace)
            exact = ListQuery(wanted, 3, resource_version=str(revision), match="Exact")
            page = list_page(store, target, exact)
            found = [stored.obj for stored in page.items]
            while page.token:
                page = list_page(store, target, ListQuery(wanted, 3, page.token))
                found += [stored.obj for stored in page.items]
            assert found == expected
    journal.close()
    reopened = FileJournal(tmp_path)
    restored = Store(1000, reopened)
    reopened.replay(restored)
    reopened.close()
    assert [found.obj for found in restored.select("configmaps")] == moments[store.revision]
    assert restored.revision == store.revision
