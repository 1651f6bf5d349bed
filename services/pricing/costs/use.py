"""What tenants use, by the hour and over days. Values only; whole numbers, never a float."""

from dataclasses import dataclass

P95 = 95
"""The percentile that counts as use: so many of a hundred hours do not pass it."""


@dataclass(frozen=True, slots=True)
class UsedHour:
    """What a tenant used within an hour: thousandths of a core, and bytes.

    ``hour`` is numbered from the epoch (UTC). ``storage_bytes`` None: nobody counts it.
    """

    tenant: str
    hour: int
    samples: int
    cpu_mean: int
    cpu_peak: int
    memory_mean: int
    memory_peak: int
    storage_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class UseSummary:
    """What a tenant used over some hours: percentiles of the hours' peaks, and the highest.

    ``storage_bytes`` is the most of any hour, None if no hour counted it.
    """

    hours: int
    cpu_p95: int = 0
    memory_p95: int = 0
    memory_peak: int = 0
    storage_bytes: int | None = None


NO_USE = UseSummary(0)
