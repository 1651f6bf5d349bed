"""K11 and ADR 13: what a project may not use by its own quota, the others get."""

from hypothesis import given
from hypothesis import strategies as st

from services.provisioner import naming
from services.provisioner.objects import Ref
from services.provisioner.organization import hard as limits
from services.provisioner.organization.dividing import Share, divide, grown, shrunk, stands
from services.provisioner.organization.settings import OrganizationSettings
from services.provisioner.projects.quota import quota_ref
from tests.unit.provisioner.organizations import (
    ORG,
    PRO,
    hard,
    org_order,
    organization,
    put,
    use,
)
from tests.unit.provisioner.world import World

NAMES = ("a", "b", "c", "d")


def caps(world: World, place: str, **amounts: str) -> Ref:
    """Cap a project as its admin does."""
    ref = quota_ref(place, naming.PROJECT_QUOTA)
    named = {name.replace("_", "."): amount for name, amount in amounts.items()}
    put(world.cluster, ref, {"spec": {"hard": named}})
    return ref


def found() -> World:
    world = World()
    organization(world.cluster, ORG, "web", "api")
    return world


def plan(world: World) -> dict[str, int]:
    """Return what the parts of the plan's quota give together."""
    found: dict[str, int] = {}
    for place in (ORG, "acme-web", "acme-api"):
        for name, amount in hard(world, place).items():
            found[name] = found.get(name, 0) + amount
    return found


async def test_a_project_that_is_capped_gets_no_more_and_the_others_get_the_rest() -> None:
    world = found()
    caps(world, "acme-web", pods="10", requests_cpu="1")
    await world.make(org_order())
    assert (hard(world, "acme-web")["pods"], hard(world, "acme-web")["requests.cpu"]) == (10, 1000)
    assert hard(world, "acme-api")["pods"] > 150
    assert plan(world) == limits.running(PRO, 2, OrganizationSettings())


async def test_a_cap_that_comes_later_frees_what_nobody_could_use_until_it_is_lifted() -> None:
    world = found()
    tenant = await world.make(org_order())
    for place in (ORG, "acme-web", "acme-api"):
        use(world, place)
    before = hard(world, "acme-web")["pods"]
    ref = caps(world, "acme-web", pods="10")
    for _ in range(3):
        world.pass_time(2)
        await world.run(tenant)
        for place in (ORG, "acme-web", "acme-api"):
            use(world, place)
    assert hard(world, "acme-web")["pods"] == 10
    assert plan(world)["pods"] == 200
    world.cluster.calls.clear()
    world.pass_time(2)
    await world.run(tenant)
    assert world.cluster.calls == []
    world.cluster.remove(ref)
    for _ in range(3):
        world.pass_time(2)
        await world.run(tenant)
        for place in (ORG, "acme-web", "acme-api"):
            use(world, place)
    assert hard(world, "acme-web")["pods"] * 2 >= before


async def test_a_project_that_uses_more_than_its_cap_keeps_what_it_uses() -> None:
    world = found()
    tenant = await world.make(org_order())
    use(world, "acme-web", pods="40")
    caps(world, "acme-web", pods="10")
    world.pass_time(2)
    await world.run(tenant)
    assert hard(world, "acme-web")["pods"] == 40


_used = st.integers(0, 60)
_most = st.none() | st.integers(0, 80)
_weight = st.integers(0, 8)


@given(
    cap=st.integers(0, 200),
    rows=st.lists(st.tuples(_used, _most, _weight), min_size=1, max_size=4),
)
def test_parts_are_within_the_cap_and_within_what_can_be_used(
    cap: int, rows: list[tuple[int, int | None, int]]
) -> None:
    used = {name: row[0] for name, row in zip(NAMES, rows, strict=False)}
    most = {name: row[1] for name, row in zip(NAMES, rows, strict=False) if row[1] is not None}
    weights = {name: row[2] for name, row in zip(NAMES, rows, strict=False)}
    parts = divide(cap, used, weights, most)
    assert sum(parts.values()) <= cap
    if cap < sum(used.values()):
        return
    for name, part in parts.items():
        assert used[name] <= part <= max(used[name], most.get(name, cap))
    ceilings = {name: max(used[name], most.get(name, cap)) for name in parts}
    free = [one for one in parts if weights[one] and parts[one] < ceilings[one]]
    assert sum(parts.values()) == cap or not free
    # What was just divided may stay as it is, and to write it moves nothing.
    shares = {
        name: Share(part, part, used[name], weights[name], most.get(name))
        for name, part in parts.items()
    }
    assert stands(cap, shares)
    assert shrunk(parts, shares) == grown(cap, parts, shares) == parts
