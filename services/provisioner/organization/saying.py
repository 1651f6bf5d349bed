"""Saying on the Organization what is ordered for it: its annotations, and nothing else of it.

The object is another's. What is written is pinned to exactly what was read, never makes it, and
never makes the order that it speaks of an older one.
"""

from dataclasses import dataclass

from services.provisioner import naming
from services.provisioner.domain import JsonObject, Tenant
from services.provisioner.ensure import Hand
from services.provisioner.errors import (
    DriftNotRepaired,
    OrganizationMissing,
    OrganizationTaken,
    Superseded,
)
from services.provisioner.objects import Live
from services.provisioner.organization.desired import (
    organization_of,
    owner_of,
    says,
    stale_annotations,
)
from services.provisioner.ownership import handover


@dataclass(frozen=True, slots=True)
class Saying:
    """Reads and annotates the Organization of one tenant."""

    hand: Hand
    tenant: Tenant

    async def read(self) -> Live | None:
        """Return the Organization as it stands, None if it does not, or is being deleted."""
        ref = organization_of(self.tenant)
        live = await self.hand.cluster.get(ref, timeout=self.hand.time())
        return None if live is None or live.deleting else live

    async def find(self) -> Live:
        """Return the Organization, which may be worked on for this order.

        Raises OrganizationMissing, OrganizationTaken if another account pays for it, Superseded if
        a newer order of this account was at work.
        """
        live = await self.read()
        if live is None:
            raise OrganizationMissing(
                f"Organization {self.tenant.order.organization} has just gone."
            )
        owner = owner_of(live)
        if owner not in ("", self.tenant.order.account):
            raise OrganizationTaken(
                f"Organization {live.ref.name} is paid by another account.",
                metadata={"organization": live.ref.name},
            )
        if self.is_ahead(live):
            raise Superseded(f"Organization {live.ref.name} is of a newer order, {live.version}.")
        return live

    def is_own(self, live: Live) -> bool:
        """Tell whether this account was the last that was written there."""
        return live.annotation(naming.ANNOTATION_ACCOUNT) == self.tenant.order.account

    def is_last(self, live: Live) -> bool:
        """Tell whether this account was the last there, and by no newer order."""
        return self.is_own(live) and not self.is_ahead(live)

    def is_ahead(self, live: Live) -> bool:
        """Tell whether a newer order of this account was at work."""
        return self.is_own(live) and live.version > self.tenant.version

    async def say(self, wanted: JsonObject) -> Live:
        """Make the annotations so; ObjectChanged if others keep writing."""

        async def once() -> Live:
            live = await self.find()
            return live if says(wanted, live) else await self._write(wanted, live)

        return await self.hand.settled(f"Organization {self.tenant.order.organization}", once)

    async def _write(self, wanted: JsonObject, live: Live) -> Live:
        hand = self.hand
        fields = handover(live, wanted)
        if fields is not None:
            live = await hand.cluster.hand_over(live, fields, timeout=hand.time())
        live = await hand.cluster.apply(wanted, live, timeout=hand.time())
        # What somebody else wrote is not pruned by what we apply.
        stale = stale_annotations(wanted, live)
        if stale:
            live = await hand.cluster.strip(live, stale, timeout=hand.time())
        if not says(wanted, live):
            raise DriftNotRepaired(f"Organization {live.ref.name} does not say what it was told.")
        return live
