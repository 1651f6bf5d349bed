"""The sandbox cluster's controllers: no key is lost, and what is no news is not written."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection

from deploy.sandbox.kubernetes.access.rbac import Rbac
from deploy.sandbox.kubernetes.admission.chain import Admission
from deploy.sandbox.kubernetes.admission.quota import QuotaLedger
from deploy.sandbox.kubernetes.controllers.all import all_controllers
from deploy.sandbox.kubernetes.controllers.base import Controller, Loop
from deploy.sandbox.kubernetes.controllers.pods import PodTimes
from deploy.sandbox.kubernetes.core.clock import Clock
from deploy.sandbox.kubernetes.core.objects import Obj, dig
from deploy.sandbox.kubernetes.core.selectors import Filter, parse_labels
from deploy.sandbox.kubernetes.resources.builtin import BUILTIN_TYPES
from deploy.sandbox.kubernetes.resources.registry import Registry
from deploy.sandbox.kubernetes.storage.records import Event, Key
from deploy.sandbox.kubernetes.storage.store import Store
from deploy.sandbox.kubernetes.verbs.inside import Inside
from deploy.sandbox.kubernetes.verbs.requests import Machinery

_PATIENCE = 20.0


def _machinery(store: Store) -> Machinery:
    rbac, quota = Rbac(store), QuotaLedger(store)
    admission = Admission(store, rbac, quota)
    return Machinery(store, Registry(BUILTIN_TYPES), admission, quota, rbac, Clock())


def _namespace(name: str) -> Obj:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _config_map(namespace: str, name: str) -> Obj:
    metadata = {"name": name, "namespace": namespace, "labels": {"app": "web"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def _deployment(replicas: int) -> Obj:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    metadata = {"name": "web", "namespace": "team"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


class SlowController(Controller):
    """Takes longer for each key than a turn lasts."""

    resources = frozenset({"namespaces"})

    def __init__(self, inside: Inside, names: set[str]) -> None:
        super().__init__(inside)
        self.missing = set(names)
        self.all_seen = asyncio.Event()

    def keys(self, event: Event) -> Collection[Key]:
        return [event.key]

    def reconcile(self, key: Key) -> float | None:
        ends = time.monotonic() + 0.002
        while time.monotonic() < ends:
            continue
        self.missing.discard(key.name)
        if not self.missing:
            self.all_seen.set()
        return None


async def test_every_key_is_looked_at_however_long_each_takes() -> None:
    store = Store(history=100)
    inside = Inside(_machinery(store))
    names = {f"team-{number}" for number in range(20)}
    slow = SlowController(inside, names)
    loop = Loop(slow, store)
    for name in names:
        inside.create("namespaces", _namespace(name))
    async with asyncio.timeout(_PATIENCE), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(loop.run())
        await slow.all_seen.wait()
        running.cancel()


async def test_a_new_deployment_is_written_when_there_is_news_of_it_and_not_more_often() -> None:
    store = Store(history=1000)
    machinery = _machinery(store)
    inside = Inside(machinery)
    written: Counter[tuple[str, str]] = Counter()
    store.listen(lambda event: written.update([(event.key.resource, event.type)]))
    available = asyncio.Event()

    def look(_event: Event) -> None:
        if _available(inside) == 5:
            available.set()

    store.listen(look, frozenset({"deployments.apps"}))
    loops = [Loop(one, store) for one in all_controllers(machinery, PodTimes(start=0.05), "")]
    inside.create("namespaces", _namespace("team"))
    inside.create("deployments.apps", _deployment(5))
    async with asyncio.timeout(_PATIENCE), asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one.run()) for one in loops]
        await available.wait()
        for task in running:
            task.cancel()
    assert written["pods", "ADDED"] == written["pods", "MODIFIED"] == 5
    assert written["replicasets.apps", "ADDED"] == 1
    # Which revision it is; that it was seen; how many pods there are, and how many are ready.
    assert written["deployments.apps", "MODIFIED"] <= 8
    found = inside.get("deployments.apps", "team", "web")
    assert found is not None
    assert found["status"]["observedGeneration"] == 1


def test_objects_of_a_namespace_are_found_among_those_of_all_with_the_same_labels() -> None:
    store = Store(history=100)
    inside = Inside(_machinery(store))
    for namespace in ("blue", "green", "red"):
        inside.create("namespaces", _namespace(namespace))
        for name in ("b", "a"):
            inside.create("configmaps", _config_map(namespace, name))
    wanted = Filter(parse_labels("app=web"))
    found = [stored.obj["metadata"] for stored in store.select("configmaps", "green", wanted)]
    assert [(one["namespace"], one["name"]) for one in found] == [("green", "a"), ("green", "b")]
    assert len(list(store.select("configmaps", "", wanted))) == 6
    assert not list(store.select("configmaps", "green", Filter(parse_labels("app=other"))))


def _available(inside: Inside) -> int:
    found = inside.get("deployments.apps", "team", "web")
    return int(dig(found, "status", "availableReplicas", default=0))
