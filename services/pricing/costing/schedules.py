"""When a commitment is paid: upfront and monthly parts that add up to the total."""

from services.chassis.money import Money
from services.pricing.costing.costs import PaymentSchedule
from services.pricing.costing.deployments import Commitment
from services.pricing.costing.exact import rounded
from services.pricing.rates import RateCard, Upfront

MONTHS_OF_A_YEAR = 12


def schedule_of(card: RateCard, commitment: Commitment, total: Money) -> PaymentSchedule:
    """Return when the total of a commitment is paid; the first parts are the larger ones."""
    upfront = _upfront(card, commitment.upfront, total.minor_units)
    rest, count = total.minor_units - upfront, commitment.years * MONTHS_OF_A_YEAR
    instalments: tuple[Money, ...] = ()
    if commitment.upfront is not Upfront.ALL:
        each, more = divmod(rest, count)
        instalments = tuple(Money(total.currency, each + (at < more)) for at in range(count))
    return PaymentSchedule(Money(total.currency, upfront), instalments)


def _upfront(card: RateCard, upfront: Upfront, total: int) -> int:
    if upfront is Upfront.NONE:
        return 0
    if upfront is Upfront.ALL:
        return total
    share, shares = card.partial_upfront.as_integer_ratio()
    return min(total, rounded(total * share, shares, card.rounding))
