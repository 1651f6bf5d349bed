"""What the measuring of use needs of the outside."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.provisioner.metering.hours import Held, Metered, Use


class PodMetrics(Protocol):
    """The cluster's own metrics."""

    async def read(self) -> Mapping[str, Use] | None:
        """Return what the pods of each namespace use together; None if nobody measures it."""
        ...


class Places(Protocol):
    """Where tenants live in the cluster, as last heard."""

    @property
    def ready(self) -> bool:
        """Everything was heard of at least once."""
        ...

    def of(self, metered: Metered) -> Held:
        """Return what a tenant holds."""
        ...


class MeteringStore(Protocol):
    """Hours that are not over yet, within one transaction."""

    async def claim(self, every: float) -> bool:
        """Become the one who measures, if nobody has for so many seconds. One statement."""
        ...

    async def lock(self) -> int:
        """Keep everybody else from these hours; return the database's second of the epoch then."""
        ...

    async def metered(self, after: str, limit: int) -> Sequence[Metered]:
        """Return tenants that are ready, by id from behind this one on."""
        ...

    async def add(self, hour: int, used: Mapping[str, Use]) -> None:
        """Count a sample of each of these tenants into an hour."""
        ...

    async def tell(self, before: int, limit: int) -> int:
        """Write the facts of hours before this one and forget them; return how many.

        At most ``limit``. The caller holds ``lock``, so no hour is told twice.
        """
        ...
