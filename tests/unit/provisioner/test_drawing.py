"""A blueprint that was drawn is drawn again only if something that it says has changed."""

from dataclasses import replace

import pytest

from services.provisioner.domain import NamespaceCapacity, OrderedPhase, Tenant
from services.provisioner.drawing import Drawings
from services.provisioner.manifests import Blueprint, blueprint, made
from tests.unit.provisioner.world import World, order

DRAWN_ANEW = {
    "another name": lambda now: replace(now, namespace="customer-2"),
    "another claim": lambda now: replace(now, claim="clm_2"),
    "suspended": lambda now: replace(now, order=replace(now.order, phase=OrderedPhase.SUSPENDED)),
    "another order of the same version": lambda now: replace(
        now, order=replace(now.order, plan="sessions/other")
    ),
}


def capacity_of(tenant: Tenant) -> NamespaceCapacity:
    """Return what is made of its order."""
    capacity = made(tenant)
    assert capacity is not None
    return capacity


def wanted(drawn: Blueprint) -> list[object]:
    """Return the objects of which nothing stands yet."""
    return [part.wanted(None) for part in drawn.parts]


async def test_it_is_drawn_once_for_what_a_run_changes_of_a_tenant() -> None:
    tenant, drawings = await World().make(order()), Drawings()
    drawn = drawings.of(tenant, capacity_of(tenant))
    later = replace(tenant, revision=9, change=9, reason="MORE", conditions=())
    assert drawings.of(later, capacity_of(later)) is drawn


@pytest.mark.parametrize("change", DRAWN_ANEW.values(), ids=DRAWN_ANEW.keys())
async def test_what_it_says_is_as_the_tenant_now_stands(change) -> None:  # type: ignore[no-untyped-def]  # lambdas
    tenant, drawings = await World().make(order()), Drawings()
    before = drawings.of(tenant, capacity_of(tenant))
    now: Tenant = change(tenant)
    after = drawings.of(now, capacity_of(now))
    assert wanted(after) == wanted(blueprint(now, capacity_of(now)))
    assert after is not before


async def test_those_that_were_not_drawn_for_longest_are_forgotten() -> None:
    world, drawings = World(), Drawings(most=2)
    one, two, three = [await world.make(order(account=f"acc_{n}")) for n in (1, 2, 3)]
    drawn = [drawings.of(tenant, capacity_of(tenant)) for tenant in (one, two, one, three)]
    assert drawings.of(one, capacity_of(one)) is drawn[0]
    assert drawings.of(three, capacity_of(three)) is drawn[3]
    assert drawings.of(two, capacity_of(two)) is not drawn[1]
