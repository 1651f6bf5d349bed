"""Marking the namespaces of an organization that is to take no new public address.

No ResourceQuota can bound public addresses: they are one kind with others. So the namespaces say
so in a label, and an admission policy (``deploy/kube-dc/``) refuses what is made in them. Without
that policy the label is only told.
"""

from collections.abc import Collection, Iterable

from services.provisioner import naming
from services.provisioner.domain import Json
from services.provisioner.ensure import Hand, together
from services.provisioner.isolation import namespace_ref
from services.provisioner.objects import Live
from services.provisioner.organization.seen import project_of

FULL = "full"


async def mark(
    hand: Hand, organization: str, namespaces: Iterable[str], shut: Collection[str]
) -> None:
    """Let each of these namespaces say whether it takes new public addresses.

    A namespace that is not the organization's after all, or is going, is left alone.
    ObjectChanged if others keep writing.
    """
    await together([_mark(hand, organization, one, shut=one in shut) for one in namespaces])


async def _mark(hand: Hand, organization: str, namespace: str, *, shut: bool) -> None:
    wanted: Json = FULL if shut else None

    async def once() -> None:
        live = await hand.cluster.get(namespace_ref(namespace), timeout=hand.time())
        if live is None or live.deleting or not is_within(organization, live):
            return
        if live.label(naming.LABEL_PUBLIC_ADDRESSES) != (wanted or ""):
            patch = {"metadata": {"labels": {naming.LABEL_PUBLIC_ADDRESSES: wanted}}}
            await hand.cluster.change(live, patch, timeout=hand.time())

    await hand.settled(f"Namespace {namespace}", once)


def is_within(organization: str, namespace: Live) -> bool:
    """Tell whether a namespace is the organization's own, or one of its projects'."""
    if namespace.ref.name == organization:
        return True
    found = project_of(namespace)
    return found is not None and found[0] == organization
