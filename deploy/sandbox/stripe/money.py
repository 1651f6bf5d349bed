"""Amounts in minor units: how many decimals a currency has, and what the provider asks at least."""

from decimal import Decimal, InvalidOperation

ZERO_DECIMAL = frozenset(
    {
        *("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga"),
        *("pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"),
    }
)
THREE_DECIMAL = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
# The smallest charge in minor units; half a unit where the provider lists no other.
LEAST_CHARGE = {"gbp": 30, "jpy": 50, "mxn": 1000, "dkk": 250, "nok": 300, "sek": 300, "huf": 17500}
DEFAULT_LEAST = 50


def exponent(currency: str) -> int:
    """How many decimals a currency's minor unit has."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def minor_units(amount: str, currency: str) -> int:
    """An amount as a decimal string in minor units; ValueError if it does not fit them exactly."""
    try:
        scaled = Decimal(amount).scaleb(exponent(currency))
    except InvalidOperation as refused:
        raise ValueError(f"{amount!r} is not a decimal amount") from refused
    if not scaled.is_finite() or scaled < 0 or scaled != scaled.to_integral_value():
        raise ValueError(f"{amount!r} is not a whole number of minor units of {currency}")
    return int(scaled)


def shown(amount: int, currency: str) -> str:
    """An amount for a person, e.g. `49.00 USD`."""
    places = exponent(currency)
    value = Decimal(amount).scaleb(-places)
    return f"{value:.{places}f} {currency.upper()}"


def least_charge(currency: str) -> int:
    """The smallest amount that may be charged, in minor units."""
    return LEAST_CHARGE.get(currency, DEFAULT_LEAST)
