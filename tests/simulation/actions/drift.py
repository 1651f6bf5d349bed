"""People with kubectl, and controllers of others, that change what we made."""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from services.provisioner import naming
from services.provisioner.objects import Ref

if TYPE_CHECKING:
    from tests.simulation.world import World

Content = dict[str, Any]


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
            if ref.kind in _SPOILT and live.label(naming.LABEL_TENANT)
        ]
        if not found:
            return
        ref = rng.choice(found)
        if ref.kind == "Deployment":
            store.scale(ref, rng.choice([6, 9, 20]))
        elif rng.random() < 0.5:
            store.remove("kubectl delete", ref, ours=False)
        else:
            store.edit(ref, rng.choice(_SPOILS[ref.kind]))


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


def _more_pods(spec: Content) -> None:
    spec["hard"] = {"pods": "9999"}


def _only_some_pods(spec: Content) -> None:
    spec["scopeSelector"] = {"matchExpressions": [{"scopeName": "Terminating"}]}


def _lets_in(spec: Content) -> None:
    spec["ingress"] = [*spec.get("ingress", []), {}]


def _lets_out(spec: Content) -> None:
    spec["egress"] = [*spec.get("egress", []), {"ports": [{"protocol": "TCP", "port": 443}]}]


def _one_way_only(spec: Content) -> None:
    spec["policyTypes"] = spec["policyTypes"][:1]


def _not_for_all(spec: Content) -> None:
    spec["podSelector"] = {"matchLabels": {"tier": "web"}}


def _in_spec(change: Callable[[Content], None]) -> Callable[[Content], None]:
    def edit(content: Content) -> None:
        content["spec"] = {**content["spec"]}
        change(content["spec"])

    return edit


def _one_more_enters(content: Content) -> None:
    content["subjects"] = [*content["subjects"], {"kind": "User", "name": "mallory"}]


_SPOILS: Mapping[str, Sequence[Callable[[Content], None]]] = {
    "NetworkPolicy": [
        _in_spec(change) for change in (_lets_in, _lets_out, _one_way_only, _not_for_all)
    ],
    "ResourceQuota": [_in_spec(change) for change in (_more_pods, _only_some_pods)],
    "RoleBinding": [_one_more_enters],
}
_SPOILT = frozenset({"Deployment", *_SPOILS})
