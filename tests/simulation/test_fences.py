"""The invariant of fences excuses what no run can know, and nothing else."""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest

from services.provisioner import naming
from services.provisioner.domain import JsonObject
from services.provisioner.objects import Ref
from tests.fakes.chassis import ManualClock
from tests.simulation.cluster import SimCluster
from tests.simulation.invariants.fences import FENCE, FenceBeforeOwner

if TYPE_CHECKING:
    from tests.simulation.world import World

PART = Ref("networking.k8s.io/v1", "NetworkPolicy", "ns", naming.DENY_ALL)


@dataclass
class Place:
    """What the invariant looks at: a cluster and its time."""

    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.cluster = SimCluster(self.clock, random.Random(1), lambda coro: coro.close())
        self.invariant = FenceBeforeOwner()
        restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
        namespace: JsonObject = {"name": "ns", "labels": restricted}
        self.cluster.store.create({"apiVersion": "v1", "kind": "Namespace", "metadata": namespace})
        for kind, name in sorted(FENCE):
            self.make("networking.k8s.io/v1" if kind == "NetworkPolicy" else "v1", kind, name)

    def make(self, version: str, kind: str, name: str) -> None:
        """Make an object as the product does."""
        metadata: JsonObject = {"name": name, "namespace": "ns"}
        self.cluster.store.create({"apiVersion": version, "kind": kind, "metadata": metadata})

    def bind(self) -> None:
        """Let the owner in."""
        self.make("rbac.authorization.k8s.io/v1", "RoleBinding", naming.OWNER_BINDING)

    def wrong(self) -> list[str]:
        """Return what the invariant says now."""
        return self.invariant.check(cast("World", self))


@pytest.fixture
def place() -> Place:
    return Place()


def test_an_owner_behind_a_whole_fence_is_fine(place: Place) -> None:
    place.bind()
    assert place.wrong() == []


def test_what_somebody_deletes_after_it_was_read_back_is_not_to_be_foreseen(place: Place) -> None:
    place.clock.advance(3600.0)
    place.cluster.store.found(PART)
    place.clock.advance(0.01)
    place.cluster.store.remove("kubectl delete", PART, ours=False)
    place.bind()
    assert place.wrong() == []


def test_what_was_deleted_without_being_read_back_is_missed(place: Place) -> None:
    place.clock.advance(3600.0)
    place.cluster.store.remove("kubectl delete", PART, ours=False)
    place.bind()
    assert place.wrong() == [f"the owner of ns entered without NetworkPolicy {PART.name}"]


def test_what_was_read_back_long_before_is_missed(place: Place) -> None:
    place.cluster.store.found(PART)
    place.clock.advance(60.0)
    place.cluster.store.remove("kubectl delete", PART, ours=False)
    place.bind()
    assert len(place.wrong()) == 1


def test_what_the_product_deleted_itself_is_missed(place: Place) -> None:
    place.cluster.store.found(PART)
    place.cluster.store.remove("delete", PART)
    place.bind()
    assert len(place.wrong()) == 1


def test_a_fence_that_is_not_mended_within_a_day_is_missed(place: Place) -> None:
    place.bind()
    place.cluster.store.remove("kubectl delete", PART, ours=False)
    place.clock.advance(timedelta(hours=23).total_seconds())
    assert place.wrong() == []
    place.clock.advance(timedelta(hours=2).total_seconds())
    assert "owner still is inside" in place.wrong()[0]
    place.make(PART.api_version, PART.kind, PART.name)
    assert place.wrong() == []
