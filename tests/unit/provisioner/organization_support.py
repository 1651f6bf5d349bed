"""What the tests of organizations share: a world with one, and running once more."""

import pytest

from services.provisioner.domain import Tenant
from tests.unit.provisioner.organizations import ORG, organization
from tests.unit.provisioner.world import World


@pytest.fixture(autouse=True)
def equal_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """All namespaces have the same claim here, so that the numbers are easy to read."""
    monkeypatch.setattr("services.provisioner.organization.board.PROJECT_WEIGHT", 1)


@pytest.fixture
def world() -> World:
    found = World()
    organization(found.cluster, ORG, "web", "api")
    return found


def condition(tenant: Tenant, kind: str) -> tuple[str, str]:
    found = {one.type: (one.status, one.reason) for one in tenant.conditions}
    return found[kind]


async def again(world: World, tenant: Tenant) -> Tenant:
    """Run once more, after the pace."""
    world.pass_time(2)
    await world.run(tenant)
    return world.tenant(tenant.id)
