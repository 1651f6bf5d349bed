"""What is priced, and what a price is asked for with. Values only."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from services.pricing.costing.exact import same_unit
from services.pricing.rates import Upfront

NO_BACKUP = "none"


class Size(NamedTuple):
    """Cores and GB of one replica, and the same three as so many of which ``in_one`` are 1."""

    cpu: Decimal
    memory: Decimal
    storage: Decimal
    whole: tuple[int, int, int]
    in_one: int


def size_of(cpu: Decimal, memory: Decimal, storage: Decimal) -> Size:
    """Return cores and GB as a size."""
    (cores, memory_gb, storage_gb), in_one = same_unit((cpu, memory, storage))
    return Size(cpu, memory, storage, (cores, memory_gb, storage_gb), in_one)


class Resource(NamedTuple):
    """One resource as it is billed: the size of one replica, and how many there are."""

    type: str
    size: Size
    replicas: int

    @property
    def cpu(self) -> Decimal:
        """Cores of one replica."""
        return self.size.cpu

    @property
    def memory(self) -> Decimal:
        """GB of memory of one replica."""
        return self.size.memory

    @property
    def storage(self) -> Decimal:
        """GB of storage of one replica."""
        return self.size.storage


@dataclass(frozen=True, slots=True)
class Commitment:
    """A term that is promised, and how much of it is paid at its beginning."""

    years: int
    upfront: Upfront

    @property
    def name(self) -> str:
        """What its discount is called."""
        return f"{self.years}-year-{self.upfront}"


class Deployment(NamedTuple):
    """What is priced. ``features`` are in the order in which they were asked for.

    ``hours`` are the term's where there is a commitment. ``cloud`` is empty in quotes of old.
    """

    resources: tuple[Resource, ...]
    region: str
    hours: Decimal
    backup_plan: str
    features: tuple[str, ...]
    cloud: str = ""
    commitment: Commitment | None = None
    coupon: str = ""

    @property
    def types(self) -> frozenset[str]:
        """The types of its resources."""
        return frozenset(resource.type for resource in self.resources)


class ResourceRequest(NamedTuple):
    """One resource as it was asked for: texts that nobody has looked at yet."""

    type: str
    cpu: str = ""
    memory: str = ""
    storage: str = ""
    replicas: int = 0


@dataclass(frozen=True, slots=True)
class CommitmentRequest:
    """A term as it was asked for; None for an ``upfront`` that nobody knows."""

    years: int
    upfront: Upfront | None


class DeploymentRequest(NamedTuple):
    """What a price is asked for; an empty text stands for the rate card's default."""

    resources: Sequence[ResourceRequest]
    region: str = ""
    duration_hours: str = ""
    backup_plan: str = ""
    features: Sequence[str] = ()
    cloud: str = ""
    commitment: CommitmentRequest | None = None
    coupon: str = ""
