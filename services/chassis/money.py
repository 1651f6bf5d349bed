"""Money: whole minor units of a currency, and the way to and from decimals. Never a float."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import total_ordering
from types import MappingProxyType

_DECIMALS = {
    0: "bif clp djf gnf isk jpy kmf krw pyg rwf ugx vnd vuv xaf xof xpf",
    2: """
        aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd btn bwp byn
        bzd cad cdf chf cny cop crc cup cve czk dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs
        gip gmd gtq gyd hkd hnl htg huf idr ils inr irr jmd kes kgs khr kpw kyd kzt lak lbp lkr
        lrd lsl mad mdl mga mkd mmk mnt mop mru mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd
        pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sdg sek sgd shp sle sos srd ssp stn
        svc syp szl thb tjs tmt top try ttd twd tzs uah usd uyu uzs ves wst xcd xcg yer zar zmw
        zwg
    """,
    3: "bhd iqd jod kwd lyd omr tnd",
}

EXPONENTS: Mapping[str, int] = MappingProxyType(
    {code: places for places, codes in _DECIMALS.items() for code in codes.split()}
)
"""Decimal places of each currency's minor unit by ISO 4217; codes in lower case.

A provider that counts differently (Stripe takes two places for isk and ugx) converts in its
adapter.
"""

_MAX_DIGITS = 60
_WIDE = Context(prec=2 * _MAX_DIGITS)


class CurrencyMismatch(ValueError):  # noqa: N818 - reads as what it is
    """Two amounts of different currencies were compared or added."""


def exponent(currency: str) -> int:
    """Return how many decimal places the currency's minor unit has; ValueError if unknown."""
    places = EXPONENTS.get(currency)
    if places is None:
        raise ValueError(f"{currency!r} is no currency that is known here")
    return places


@total_ordering
@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units: cents for usd, whole yen for jpy. May be negative."""

    currency: str
    minor_units: int

    def __post_init__(self) -> None:
        exponent(self.currency)
        if type(self.minor_units) is not int:
            raise TypeError(f"minor units are whole numbers, not {self.minor_units!r}")

    @classmethod
    def zero(cls, currency: str) -> "Money":
        """Return nothing, in this currency."""
        return cls(currency, 0)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.currency, self.minor_units + self._same(other))

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.currency, self.minor_units - self._same(other))

    def __neg__(self) -> "Money":
        return Money(self.currency, -self.minor_units)

    def __mul__(self, times: int) -> "Money":
        return Money(self.currency, self.minor_units * times)

    def __lt__(self, other: "Money") -> bool:
        return self.minor_units < self._same(other)

    def to_decimal(self) -> Decimal:
        """Return the amount in major units, with the currency's number of places."""
        return Decimal(self.minor_units).scaleb(-exponent(self.currency), context=_WIDE)

    def __str__(self) -> str:
        return f"{self.to_decimal()} {self.currency.upper()}"

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} do not mix")
        return other.minor_units


def from_decimal(amount: str | Decimal, currency: str) -> Money:
    """Read an exact amount in major units (``"49.00"``).

    Raises ValueError if the text is no number or has more places than the currency: rounding is
    a decision, and is made once, by ``rounded``.
    """
    value = _decimal(amount)
    money = rounded(value, currency)
    if money.to_decimal() != value:
        raise ValueError(f"{amount} has more decimal places than {currency} has")
    return money


def rounded(amount: Decimal, currency: str) -> Money:
    """Round an amount in major units to whole minor units, half to even."""
    value = _decimal(amount)
    scaled = value.scaleb(exponent(currency), context=_WIDE)
    whole = scaled.to_integral_value(rounding=ROUND_HALF_EVEN, context=_WIDE)
    return Money(currency, int(whole))


def _decimal(amount: str | Decimal) -> Decimal:
    if not isinstance(amount, str | Decimal):
        raise TypeError(f"an amount is a decimal or its text, not {type(amount).__name__}")
    try:
        value = Decimal(amount)
    except InvalidOperation as error:
        raise ValueError(f"{amount!r} is no amount") from error
    # Longer numbers would be rounded twice, and 1e999999 would fill the memory.
    if not value.is_finite() or value.adjusted() > _MAX_DIGITS // 2:
        raise ValueError(f"{amount!r} is no amount")
    if len(value.as_tuple().digits) > _MAX_DIGITS:
        raise ValueError(f"an amount has at most {_MAX_DIGITS} digits")
    return value
