"""What was used at a moment, and within an hour. Values only."""

from dataclasses import dataclass

SECONDS = 3600
"""Of an hour; hours are numbered from the epoch, in UTC."""


@dataclass(frozen=True, slots=True)
class Use:
    """What was used at one moment; ``storage_bytes`` None where nothing counts it."""

    cpu_millis: int = 0
    memory_bytes: int = 0
    storage_bytes: int | None = None

    def plus(self, other: "Use") -> "Use":
        """Return both together; storage is not of pods, and stays."""
        return Use(
            self.cpu_millis + other.cpu_millis,
            self.memory_bytes + other.memory_bytes,
            self.storage_bytes,
        )


@dataclass(frozen=True, slots=True)
class Metered:
    """A tenant that can be measured; ``namespace`` is empty for an organization's."""

    tenant: str
    namespace: str
    organization: str


@dataclass(frozen=True, slots=True)
class Held:
    """The namespaces whose pods are a tenant's, and the storage that their claims ask for."""

    namespaces: tuple[str, ...]
    storage_bytes: int | None


@dataclass(frozen=True, slots=True)
class UsedHour:
    """What a tenant used within an hour. Sums are those of the samples, which are at least one."""

    tenant: str
    hour: int
    samples: int
    cpu_sum: int
    cpu_peak: int
    memory_sum: int
    memory_peak: int
    storage_peak: int | None
    account: str = ""
    owner_subject: str = ""
    organization: str = ""

    @property
    def cpu_mean(self) -> int:
        """Thousandths of a core, rounded up: who used anything did not use nothing."""
        return -(-self.cpu_sum // self.samples)

    @property
    def memory_mean(self) -> int:
        """Bytes, rounded up."""
        return -(-self.memory_sum // self.samples)
