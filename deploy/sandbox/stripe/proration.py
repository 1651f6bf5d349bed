"""What is left of a charge in the middle of its period, by the second: credit or debit. Pure."""

from dataclasses import dataclass

from deploy.sandbox.stripe.amounts import share


@dataclass(frozen=True, slots=True)
class Charge:
    """What one item costs for a whole period: `amount` in minor units, both ends in seconds."""

    amount: int
    start: int
    end: int

    def remaining(self, moment: int) -> int:
        """The part of the amount that belongs to the time after `moment`."""
        if self.end <= self.start:
            return 0
        left = min(max(self.end - moment, 0), self.end - self.start)
        return share(self.amount, left, self.end - self.start)
