"""What should stand of an organization's objects beside what was heard of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.provisioner.domain import JsonObject
from services.provisioner.manifests import Part
from services.provisioner.objects import Live, Ref, ref_of
from services.provisioner.organization.board import Board
from services.provisioner.organization.desired import Desired, own_limits, says
from services.provisioner.organization.manifests import hierarchical_ref, quota_ref
from services.provisioner.organization.seen import Seen


def fixed(wanted: JsonObject) -> Part:
    """Return the part that is to be so whatever stands."""
    return Part(ref_of(wanted), lambda _live: wanted)


@dataclass(frozen=True, slots=True)
class Work:
    """What should stand beside what was heard."""

    want: Desired
    heard: Mapping[Ref, Live]
    seen: Seen

    @property
    def board(self) -> Board:
        """The quotas as they were heard of."""
        want = self.want
        ending = [name for name in want.ending if quota_ref(name) in self.heard]
        quotas = {name: self.heard.get(quota_ref(name)) for name in (*want.namespaces, *ending)}
        return Board(want.maker, want.hard, quotas, frozenset(ending), want.caps)

    def settled(self) -> bool:
        """Tell whether nothing is to be written, removed or said."""
        return self._bound() and self._rest_stands()

    def only_usage_moved(self) -> bool:
        """Tell whether all that is not as it should be is how the cap is divided."""
        moved = not self.want.hierarchical and self.board.stands()
        return moved and self._rest_stands()

    def quotas(self) -> list[Live]:
        """Return the quota objects of the backend in use, as they were heard of."""
        if self.want.hierarchical:
            return [] if self.seen.hierarchical is None else [self.seen.hierarchical]
        return [live for live in self.board.quotas.values() if live is not None]

    def enforced(self) -> bool:
        """Tell whether every quota object stands, whatever is in use by now."""
        if self.want.hierarchical:
            return self._bound()
        return self.board.stands()

    def limits(self) -> list[tuple[Part, Live | None]]:
        """Return the LimitRanges that are ours to make, with what stands of each."""
        taken = own_limits(self.seen)
        return [
            (fixed(item), self.heard.get(ref))
            for item in self.want.limits
            if (ref := ref_of(item)).namespace not in taken
        ]

    def orphans(self) -> list[Live]:
        """Return what is ours and should not stand."""
        return [live for ref, live in self.heard.items() if not self.want.keeps(ref)]

    def strays(self) -> list[Live]:
        """Return those that stand in no namespace that was heard to be the organization's."""
        known = self.seen.places(self.want.organization)
        return [live for live in self.orphans() if live.ref.namespace not in known]

    def replaced(self) -> list[Live]:
        """Return the others: of the backend that is not in use."""
        known = self.seen.places(self.want.organization)
        return [live for live in self.orphans() if live.ref.namespace in known]

    def misplaced(self) -> list[str]:
        """Return the namespaces that say of new public addresses what is not so."""
        return sorted(self.want.shut ^ (self.seen.shut - set(self.want.ending)))

    @property
    def hierarchical(self) -> Part:
        """The quota over all of the organization at once."""
        ref = hierarchical_ref(self.want.organization)
        return fixed(self.want.maker.quota(ref, self.want.hard))

    def _bound(self) -> bool:
        if not self.want.hierarchical:
            return self.board.settled()
        return self.hierarchical.holds(self.seen.hierarchical)

    def _rest_stands(self) -> bool:
        return (
            says(self.want.annotated, self.seen.organization)
            and all(part.holds(live) for part, live in self.limits())
            and not self.orphans()
            and not self.misplaced()
        )
