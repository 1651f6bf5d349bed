"""What sessions cost and what plans of them leave. Pure, exact, never a float.

A session is reckoned in blocks of time, each begun one whole. What it costs informs: credits are
what is charged. A margin is gross, or net of what the payment provider keeps.
"""

from dataclasses import dataclass
from decimal import Decimal

from services.chassis.money import Money
from services.pricing.sizes import EXACT

SHARE_PLACES = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class SessionRates:
    """What a catalog says of its sessions, in the major unit of one currency.

    ``charged`` is what a block of ``block_seconds`` is said to cost, ``infrastructure`` what it
    costs to run. The provider keeps ``fee_share`` of a payment and ``fee_fixed`` besides.
    """

    currency: str
    block_seconds: int
    charged: Decimal
    infrastructure: Decimal
    credits: int
    fee_share: Decimal
    fee_fixed: Decimal


@dataclass(frozen=True, slots=True)
class SessionCost:
    """What one session costs, exactly, in the major unit."""

    currency: str
    blocks: int
    charged: Decimal
    infrastructure: Decimal
    credits: int

    @property
    def margin(self) -> Decimal:
        """What is left of what is charged."""
        return EXACT.subtract(self.charged, self.infrastructure)


@dataclass(frozen=True, slots=True)
class Margin:
    """What so many sessions leave of one payment, exactly, in the major unit."""

    revenue: Money
    sessions: int
    infrastructure: Decimal
    provider_fees: Decimal

    @property
    def gross(self) -> Decimal:
        """Revenue less infrastructure."""
        return EXACT.subtract(self.revenue.to_decimal(), self.infrastructure)

    @property
    def net(self) -> Decimal:
        """Gross margin less the provider's fees."""
        return EXACT.subtract(self.gross, self.provider_fees)

    def share(self, part: Decimal) -> Decimal | None:
        """Return a part as a share of the revenue, half to even; None without revenue."""
        if not self.revenue.minor_units:
            return None
        return EXACT.divide(part, self.revenue.to_decimal()).quantize(SHARE_PLACES, context=EXACT)


def session_cost(rates: SessionRates, seconds: int) -> SessionCost:
    """Return what a session of so many seconds costs; ValueError below 0."""
    if seconds < 0:
        raise ValueError("a session cannot be shorter than nothing")
    blocks = -(-seconds // rates.block_seconds)
    return SessionCost(
        rates.currency,
        blocks,
        EXACT.multiply(rates.charged, Decimal(blocks)),
        EXACT.multiply(rates.infrastructure, Decimal(blocks)),
        rates.credits,
    )


def margin(rates: SessionRates, revenue: Money, sessions: int) -> Margin:
    """Return what sessions of one block leave of a payment in the rates' currency.

    A payment of nothing has no fees. ValueError for another currency.
    """
    if revenue.currency != rates.currency:
        raise ValueError(f"rates in {rates.currency} say nothing of {revenue.currency}")
    fees = Decimal(0)
    if revenue.minor_units:
        shared = EXACT.multiply(revenue.to_decimal(), rates.fee_share)
        fees = EXACT.add(shared, rates.fee_fixed)
    infrastructure = EXACT.multiply(rates.infrastructure, Decimal(sessions))
    return Margin(revenue, sessions, infrastructure, fees)
