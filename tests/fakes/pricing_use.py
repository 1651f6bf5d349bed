"""What is sold, and the summary of hours, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.pricing.costs.use import P95, UsedHour, UseSummary
from services.pricing.domain import Catalog


@dataclass
class MemoryOffers:
    """Catalogs that are in force, by name."""

    sold: Mapping[str, Catalog] = field(default_factory=dict)

    async def catalogs(self) -> Mapping[str, Catalog]:
        """Return them."""
        return self.sold


def percentile(values: Sequence[int]) -> int:
    """Return the lowest value that at least 95 of a hundred do not pass."""
    return sorted(values)[-(-len(values) * P95 // 100) - 1]


def summary_of(hours: Sequence[UsedHour]) -> UseSummary:
    """Return the summary of hours, of which there is at least one."""
    counted = [one.storage_bytes for one in hours if one.storage_bytes is not None]
    return UseSummary(
        len(hours),
        percentile([one.cpu_peak for one in hours]),
        percentile([one.memory_peak for one in hours]),
        max(one.memory_peak for one in hours),
        max(counted, default=None),
    )
