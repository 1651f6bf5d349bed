"""What the telling of plans needs of the outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.provisioner.plans.seen import PlansSeen, Told


class PlansStore(Protocol):
    """What was told of each source, within one transaction."""

    async def last_told(self, source: str) -> Told | None:
        """Return what was told last of a source; None if nothing ever was."""
        ...

    async def told_sources(self) -> Sequence[tuple[str, Told]]:
        """Return every source of which something was told, with what was told last, by name."""
        ...

    async def tell(
        self, seen: PlansSeen, revision: int, observe_time: datetime, *, after: int
    ) -> bool:
        """Write a fact under a revision, if ``after`` is still the last one told (0: none).

        False, and nothing is written, if another replica told something meanwhile.
        """
        ...
