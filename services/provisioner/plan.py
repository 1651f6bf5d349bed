"""What an order would change in the cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.provisioner.manifests import Blueprint
from services.provisioner.objects import Live, Ref


class Action(StrEnum):
    """What would be done to an object."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the cluster."""

    action: Action
    ref: Ref


def refs(desired: Blueprint) -> list[Ref]:
    """Return everything that has to be looked at to tell the changes."""
    return [*(part.ref for part in desired.parts), *desired.absent]


def changes(desired: Blueprint, live: Mapping[Ref, Live]) -> list[Change]:
    """Return what making it so would change, in the order in which it would be done."""
    gone = [Change(Action.DELETE, ref) for ref in desired.absent if ref in live]
    return gone + [
        Change(Action.UPDATE if part.ref in live else Action.CREATE, part.ref)
        for part in desired.parts
        if not part.holds(live.get(part.ref))
    ]
