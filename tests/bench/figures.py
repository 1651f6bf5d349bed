"""Numbers of a bench: percentiles, medians of ratios, and whether a floor is met."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Floor:
    """What a figure must reach (``at_least``) or must not exceed (``at_most``), and why that."""

    name: str
    reason: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def words(self) -> str:
        """The bound, for people."""
        low = [] if self.at_least is None else [f"at least {self.at_least:g}"]
        high = [] if self.at_most is None else [f"at most {self.at_most:g}"]
        return " and ".join([*low, *high])

    def met_by(self, value: float) -> bool:
        """Tell whether this value is within the bounds; what is no number never is."""
        above = self.at_least is None or value >= self.at_least
        below = self.at_most is None or value <= self.at_most
        return above and below and not math.isnan(value)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share (0 to 1) of the values do not exceed.

    ValueError if there are no values, or for a share outside of its range.
    """
    if not values or not 0 <= share <= 1:
        raise ValueError(f"no percentile {share} of {len(values)} values")
    rank = math.ceil(share * len(values))
    return sorted(values)[max(rank, 1) - 1]


def median_ratio(ours: Sequence[float], others: Sequence[float]) -> float:
    """Return the median of the ratios round by round: noise that hits a round hits both sides.

    ValueError if the rounds are not the same number, or none, or another's figure is not positive.
    """
    if not ours or len(ours) != len(others) or min(others) <= 0:
        raise ValueError("rounds of two sides are compared one by one")
    return median(one / other for one, other in zip(ours, others, strict=True))
