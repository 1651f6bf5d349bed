"""What recommendations are made by: what is sold, and when something is said."""

from dataclasses import dataclass

from services.pricing.costs.ports import Offers
from services.pricing.costs.recommending import Rules


@dataclass(frozen=True, slots=True)
class Adviser:
    """Where smaller plans are looked for, and by which rules."""

    offers: Offers
    rules: Rules
