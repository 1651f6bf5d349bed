"""People with kubectl, and controllers of others, that change what we made."""

from random import Random
from typing import TYPE_CHECKING, Any

from services.provisioner import naming
from services.provisioner.objects import Ref

if TYPE_CHECKING:
    from tests.simulation.world import World


class Drifts:
    """An object of ours is deleted, edited or scaled by somebody else."""

    name = "drifts"
    weight = 5.0

    async def run(self, world: "World", rng: Random) -> None:
        """Change something in one namespace."""
        store = world.cluster.store
        found = [
            ref
            for ref, live in store.objects.items()
            if ref.kind in ("Deployment", "NetworkPolicy", "ResourceQuota")
            and live.label(naming.LABEL_TENANT)
        ]
        if not found:
            return
        ref = rng.choice(found)
        if ref.kind == "Deployment":
            store.scale(ref, rng.choice([6, 9, 20]))
        elif rng.random() < 0.5:
            store.remove("kubectl delete", ref, ours=False)
        else:
            store.edit(ref, _spoil)


class Projects:
    """Projects of organizations come and go."""

    name = "projects"
    weight = 2.0

    async def run(self, world: "World", rng: Random) -> None:
        """Make a project, or delete one."""
        store = world.cluster.store
        names = [ref.name for ref in store.objects if ref.kind == "Organization"]
        if not names:
            return
        organization = rng.choice(names)
        project = f"p{rng.randrange(4)}"
        ref = Ref("v1", "Namespace", "", f"{organization}-{project}")
        if ref not in store.objects:
            world.cluster.project(organization, project)
            return
        store.empty(ref.name)
        store.remove("gone", ref, ours=False)


def _spoil(content: dict[str, Any]) -> None:
    content["spec"] = {**content["spec"]}
    if content["kind"] == "ResourceQuota":
        content["spec"]["hard"] = {"pods": "9999"}
    else:
        content["spec"]["ingress"] = [{}]
