"""K11: a project's own quota: who may see and set it, what is written, and what is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from services.chassis.backoff import Backoff
from services.chassis.deadline import within
from services.chassis.errors import InvalidArgument, PermissionDenied
from services.chassis.idempotency import IdempotencyConflict
from services.chassis.identity import Principal
from services.provisioner import naming
from services.provisioner.convert.projects import (
    from_proto_once,
    from_proto_wish,
    to_proto_project_quota,
)
from services.provisioner.domain import JsonObject, OrderedPhase
from services.provisioner.errors import (
    ClusterForbidden,
    ClusterUnavailable,
    ObjectChanged,
    OrganizationsNotServed,
    ProjectQuotaForbidden,
)
from services.provisioner.objects import Live, Ref, section
from services.provisioner.organization.settings import OrganizationSettings
from services.provisioner.ports import OnceScope
from services.provisioner.projects.desk import ProjectQuotas
from services.provisioner.projects.quota import ProjectQuota, QuotaExceeded, Wish, quota_ref
from services.provisioner.projects.rights import NamespaceDenied, ProjectNotFound
from services.provisioner.projects.writing import Writing
from tests.fakes.chassis import ManualClock
from tests.fakes.provisioner import AUDIT, MemoryCluster
from tests.unit.provisioner.organizations import (
    ORG,
    org_order,
    organization,
    put,
    suspended,
    use,
)
from tests.unit.provisioner.world import World
from tollgate.provisioner.v1 import provisioner_service_pb2 as pb

_REALM = "https://login.example/realms/acme"
ADMIN = Principal("ada", "user", _REALM, "", ORG, (), ("org-admin",))
USER = Principal("uma", "user", _REALM, "", ORG, ("acme-web",), ("user",))
GUEST = Principal("gus", "user", _REALM, "", ORG)
STRANGER = Principal(
    "olga", "user", "https://login.example/realms/other", "", "other", (), ("org-admin",)
)
GATEWAY = Principal("gateway", "service")
PROJECT_QUOTA = quota_ref("acme-web", naming.PROJECT_QUOTA)


@pytest.fixture
def world() -> World:
    found = World()
    organization(found.cluster, ORG, "web", "shop")
    return found


class NotingClock(ManualClock):
    """Writes down how long is slept, which takes no time."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def desk(world: World) -> ProjectQuotas:
    return ProjectQuotas(world.tx, world.cluster, world.view, world.ways, NotingClock())


def once(key: str = "", digest: bytes = b"1") -> OnceScope:
    return OnceScope(ORG, "ada", "UpdateProjectQuota", key, digest)


async def cap(
    world: World,
    who: Principal = ADMIN,
    *,
    key: str = "",
    project: str = "web",
    validate_only: bool = False,
    **caps: str | None,
) -> ProjectQuota:
    wish = Wish(ORG, project, caps)
    return await desk(world).update(who, wish, once(key), validate_only=validate_only)


async def look(world: World, who: Principal = ADMIN, project: str = "web") -> ProjectQuota:
    return await desk(world).get(who, ORG, project)


def stands(world: World) -> Mapping[str, Any]:
    return section(world.cluster.at(PROJECT_QUOTA).content, "spec", "hard")


async def test_a_cap_becomes_the_projects_own_resource_quota(world: World) -> None:
    await world.make(org_order())
    found = await cap(world, cpu="2", memory="4Gi", storage="20Gi", pods="50")
    assert stands(world) == {
        "requests.cpu": "2",
        "requests.memory": "4Gi",
        "requests.storage": "20Gi",
        "pods": "50",
    }
    assert world.cluster.at(PROJECT_QUOTA).label("billing.kube-dc.com/per-project") == "true"
    assert (found.set, found.namespace, found.hard) == (True, "acme-web", stands(world))
    (entry,) = [one for one in world.db.committed(AUDIT).values() if "project" in one.action]
    assert (entry.actor, entry.tenant, entry.details["pods"]) == ("ada", "acme-web", "50")


async def test_what_is_not_named_stays_what_is_none_is_lifted_and_the_last_takes_it_away(
    world: World,
) -> None:
    await cap(world, cpu="2", pods="50")

    def by_another(stored: dict[str, Any]) -> None:
        stored["spec"]["hard"]["limits.cpu"] = "9"

    world.cluster.edit(PROJECT_QUOTA, by_another)
    await cap(world, cpu="3", pods=None)
    assert stands(world) == {"requests.cpu": "3", "limits.cpu": "9"}
    await cap(world)
    assert stands(world) == {"requests.cpu": "3", "limits.cpu": "9"}
    world.cluster.edit(PROJECT_QUOTA, lambda one: one["spec"]["hard"].pop("limits.cpu"))
    found = await cap(world, cpu=None)
    assert (found.set, world.cluster.read(PROJECT_QUOTA)) == (False, None)


async def test_it_tells_the_part_of_the_plan_and_the_limit_range_too(world: World) -> None:
    await world.make(org_order())
    use(world, "acme-web", pods="7")
    found = await look(world, USER)
    assert (found.set, found.hard, found.plan_used["pods"]) == (False, {}, "7")
    assert int(found.plan_hard["pods"]) > 50
    (item,) = found.limits
    message = to_proto_project_quota(found)
    assert (item["type"], message.limits[0].default["cpu"]) == ("Container", "500m")


async def test_above_the_organizations_own_limit_nothing_is_written(world: World) -> None:
    await world.make(org_order())
    with pytest.raises(QuotaExceeded) as refused:
        await cap(world, cpu="8201m", pods="200", memory="1Ti")
    assert refused.value.metadata == {
        "requests.cpu": "8201m > 8200m",
        "requests.memory": "1024Gi > 24832Mi",
    }
    assert world.cluster.read(PROJECT_QUOTA) is None
    await cap(world, cpu="8200m", pods="200")


async def test_while_suspended_the_limit_is_the_suspended_plans(world: World) -> None:
    await world.make(org_order())
    await world.make(org_order(2, OrderedPhase.SUSPENDED, subscription=suspended()))
    with pytest.raises(QuotaExceeded) as refused:
        await cap(world, pods="11")
    assert refused.value.metadata == {"pods": "11 > 10"}


async def test_without_a_plan_there_is_no_limit_to_be_above(world: World) -> None:
    assert (await cap(world, cpu="1000")).hard == {"requests.cpu": "1000"}


@pytest.mark.parametrize(
    ("caps", "path"),
    [
        ({"cpu": "lots"}, "hard['cpu']"),
        ({"pods": "-1"}, "hard['pods']"),
        ({"pods": "1500m"}, "hard['pods']"),
        ({"gpu": "1"}, "hard['gpu']"),
    ],
)
async def test_what_can_be_no_cap_is_refused_by_its_path(
    world: World, caps: dict[str, str], path: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await desk(world).update(ADMIN, Wish(ORG, "web", caps), once())
    assert [one.field for one in refused.value.fields] == [path]


async def test_members_see_their_own_projects_and_only_admins_change_them(world: World) -> None:
    for who in (ADMIN, USER, GATEWAY):
        assert (await look(world, who)).project == "web"
    for who, project in ((USER, "shop"), (USER, "nowhere"), (GUEST, "web")):
        with pytest.raises(NamespaceDenied):
            await look(world, who, project)
    for who in (USER, GUEST):
        with pytest.raises(PermissionDenied):
            await cap(world, who, cpu="1")
        with pytest.raises(PermissionDenied):
            await desk(world).delete(who, ORG, "web", once())
    for who, project in ((STRANGER, "web"), (ADMIN, "nowhere"), (ADMIN, "")):
        with pytest.raises(ProjectNotFound):
            await look(world, who, project)
    assert world.cluster.read(PROJECT_QUOTA) is None


async def test_only_a_namespace_that_the_cluster_calls_a_project_of_it_is_written_to(
    world: World,
) -> None:
    # It was heard of as one, and is another's by now.
    stolen = Ref("v1", "Namespace", "", "acme-web")
    kept = world.ways.view.look(ORG)
    world.cluster.edit(
        stolen,
        lambda stored: stored["metadata"]["annotations"].update({naming.PROJECT: "other/web"}),
    )
    world.organizations.look = lambda name: kept  # type: ignore[method-assign] # heard before
    with pytest.raises(ProjectNotFound):
        await cap(world, cpu="1")
    assert world.cluster.read(PROJECT_QUOTA) is None


async def test_removing_takes_it_away_once_and_nothing_where_there_is_none(world: World) -> None:
    await cap(world, cpu="1")
    found = await desk(world).delete(ADMIN, ORG, "web", once("k"))
    assert (found.set, world.cluster.read(PROJECT_QUOTA)) == (False, None)
    await cap(world, cpu="2")
    # The same key again does nothing more.
    again = await desk(world).delete(ADMIN, ORG, "web", once("k"))
    assert (again.set, stands(world)) == (True, {"requests.cpu": "2"})
    await desk(world).delete(ADMIN, ORG, "web", once())
    await desk(world).delete(ADMIN, ORG, "web", once())
    assert world.cluster.read(PROJECT_QUOTA) is None


async def test_the_same_key_changes_once_and_other_content_under_it_is_refused(
    world: World,
) -> None:
    await cap(world, key="k", cpu="1")
    await cap(world, cpu="2")
    replayed = await cap(world, key="k", cpu="1")
    assert replayed.hard == {"requests.cpu": "2"}
    with pytest.raises(IdempotencyConflict):
        await desk(world).update(ADMIN, Wish(ORG, "web", {"cpu": "9"}), once("k", b"2"))
    # A replay is authorised like the first.
    with pytest.raises(PermissionDenied):
        await cap(world, USER, key="k", cpu="1")


async def test_a_check_tells_what_would_stand_and_writes_nothing(world: World) -> None:
    found = await cap(world, validate_only=True, key="k", cpu="1")
    assert (found.set, found.hard) == (True, {"requests.cpu": "1"})
    await cap(world, cpu="2")
    gone = await desk(world).delete(ADMIN, ORG, "web", once("k"), validate_only=True)
    assert (gone.set, stands(world)) == (False, {"requests.cpu": "2"})
    # Its key was not used up.
    await desk(world).delete(ADMIN, ORG, "web", once("k", b"2"))
    assert world.cluster.read(PROJECT_QUOTA) is None


@dataclass
class Contended(MemoryCluster):
    """Somebody else changes another cap just before each of the first writes."""

    rivals: int = 1

    async def change(self, live: Live, patch: JsonObject, *, timeout: float) -> Live:
        if self.rivals:
            self.rivals -= 1
            self.edit(live.ref, lambda one: one["spec"]["hard"].update(pods=f"{60 + self.rivals}"))
        return await super().change(live, patch, timeout=timeout)


async def test_of_two_who_change_other_caps_at_once_neither_undoes_the_other() -> None:
    cluster = Contended(rivals=0)
    world = World(cluster=cluster)
    organization(cluster, ORG, "web")
    await cap(world, cpu="1", pods="50")
    cluster.rivals = 1
    await cap(world, cpu="2")
    assert stands(world) == {"requests.cpu": "2", "pods": "60"}
    cluster.rivals = 99
    with pytest.raises(ObjectChanged):
        await cap(world, cpu="3")


async def test_who_meets_others_writing_waits_longer_each_time_and_not_beyond_the_call() -> None:
    cluster, clock = Contended(rivals=0), NotingClock()
    world = World(cluster=cluster)
    organization(cluster, ORG, "web")
    await cap(world, cpu="1")
    cluster.rivals = 99
    ref = quota_ref("acme-web", naming.PROJECT_QUOTA)
    writing = Writing(cluster, ORG, "web", ref, clock, Backoff(0.05, 0.4, lambda: 1.0))
    with pytest.raises(ObjectChanged):
        await writing.cap({"requests.cpu": "3"})
    assert clock.slept == [0.05, 0.1, 0.2, 0.4, 0.4]
    clock.slept.clear()
    with within(0.3), pytest.raises(ObjectChanged):
        await writing.cap({"requests.cpu": "3"})
    assert clock.slept == [0.05, 0.1, 0.2]


@dataclass
class Walled(MemoryCluster):
    """Kube-DC's admission wall: the backend's own account alone writes that object."""

    refused: list[str] = field(default_factory=list)

    async def create(self, wanted: JsonObject, *, timeout: float) -> Live:
        if section(wanted, "metadata")["name"] == naming.PROJECT_QUOTA:
            raise ClusterForbidden("only kube-dc-backend")
        return await super().create(wanted, timeout=timeout)


async def test_a_name_that_the_cluster_keeps_for_another_is_told_and_can_be_another() -> None:
    world = World(cluster=Walled())
    organization(world.cluster, ORG, "web")
    with pytest.raises(ProjectQuotaForbidden):
        await cap(world, cpu="1")
    world.ways = replace(world.ways, settings=OrganizationSettings(project_quota="tollgate-caps"))
    await cap(world, cpu="1")
    assert world.cluster.read(quota_ref("acme-web", "tollgate-caps")) is not None


async def test_what_was_not_heard_of_is_not_made_up(world: World) -> None:
    world.organizations.ready = False
    with pytest.raises(ClusterUnavailable):
        await look(world)
    world.organizations.ready, world.organizations.served = True, False
    with pytest.raises(OrganizationsNotServed):
        await look(world)


async def test_a_person_without_the_organizations_object_finds_no_project(world: World) -> None:
    bare = World()
    put(
        bare.cluster,
        Ref("v1", "Namespace", "", "acme-web"),
        {},
        labels={naming.PROJECT: ""},
        annotations={naming.PROJECT: "acme/web"},
    )
    with pytest.raises(ProjectNotFound):
        await look(bare)


def test_the_mask_says_what_is_lifted_and_without_one_it_is_what_is_given() -> None:
    request = pb.UpdateProjectQuotaRequest(organization=ORG, project="web", hard={"cpu": "1"})
    assert from_proto_wish(request).caps == {"cpu": "1"}
    request.update_mask.paths.extend(["cpu", "pods"])
    assert from_proto_wish(request).caps == {"cpu": "1", "pods": None}
    request.hard["memory"] = "1Gi"
    with pytest.raises(InvalidArgument):
        from_proto_wish(request)


def test_the_digest_of_a_request_leaves_its_key_out_and_a_long_key_is_refused() -> None:
    first = pb.DeleteProjectQuotaRequest(organization=ORG, project="web", request_id="a")
    other = pb.DeleteProjectQuotaRequest(organization=ORG, project="web", request_id="b")
    one, two = (from_proto_once(each, ADMIN, "X") for each in (first, other))
    assert (one.request_hash, one.key, two.key) == (two.request_hash, "a", "b")
    with pytest.raises(InvalidArgument):
        from_proto_once(pb.DeleteProjectQuotaRequest(request_id="k" * 256), ADMIN, "X")
