"""Reads values out of Stripe's objects and says where one is not of a shape we know. Pure."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from services.chassis.money import Money, exponent
from services.payments.errors import ObjectUnreadable

_EXPONENTS = {"isk": 2, "ugx": 2, "mga": 0}
"""Where Stripe counts otherwise than ISO 4217."""


class Node:
    """An object of the provider's answer, with the path that leads to it.

    Getters raise ObjectUnreadable; a value that is missing or null reads as the empty one.
    """

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, Mapping):
            raise ObjectUnreadable(f"{path} is no object")
        self._value: Mapping[str, Any] = value
        self.path = path

    def text(self, name: str) -> str:
        """Read a text."""
        value = self._value.get(name)
        if value is None:
            return ""
        if not isinstance(value, str) or "\0" in value:
            raise self._bad(name, "text")
        return value

    def needed(self, name: str) -> str:
        """Read a text that has to be there."""
        return self.text(name) or self._missing(name)

    def number(self, name: str) -> int:
        """Read a whole number; 0 if it is not there."""
        return self.number_or_none(name) or 0

    def number_or_none(self, name: str) -> int | None:
        """Read a whole number."""
        value = self._value.get(name)
        if value is not None and type(value) is not int:
            raise self._bad(name, "whole number")
        return value

    def flag(self, name: str) -> bool:
        """Read a yes or no; no if it is not there."""
        value = self._value.get(name)
        if value is not None and not isinstance(value, bool):
            raise self._bad(name, "yes or no")
        return bool(value)

    def time(self, name: str) -> datetime | None:
        """Read a time."""
        seconds = self.number_or_none(name)
        if seconds is None:
            return None
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, OSError, ValueError) as error:
            raise self._bad(name, "time") from error

    def money(self, name: str, currency: str) -> Money | None:
        """Read an amount; None if it is not there."""
        amount = self.number_or_none(name)
        if amount is None or not currency:
            return None
        try:
            return to_money(amount, currency)
        except ValueError as error:
            raise ObjectUnreadable(f"{self.path}.{name}: {error}") from error

    def node(self, name: str) -> "Node | None":
        """Read an object that is there whole; None if it is missing or only named by its id."""
        value = self._value.get(name)
        if value is None or isinstance(value, str):
            return None
        return Node(value, f"{self.path}.{name}")

    def id_of(self, name: str) -> str:
        """Read the id of an object that is named or there whole; empty if there is none."""
        inner = self.node(name)
        return self.text(name) if inner is None else inner.needed("id")

    def texts(self, name: str) -> Mapping[str, str]:
        """Read metadata; values that are no texts are left out."""
        inner = self._value.get(name)
        if not isinstance(inner, Mapping):
            return {}
        return {key: value for key, value in inner.items() if isinstance(value, str)}

    def nodes(self, name: str, *, needed: bool = False) -> Iterator["Node"]:
        """Read the objects of a list object; a missing one is empty unless it is needed."""
        inner = self.node(name)
        if inner is None and needed:
            raise ObjectUnreadable(f"{self.path}.{name} is missing")
        return iter(()) if inner is None else inner.values("data")

    def values(self, name: str) -> Iterator["Node"]:
        """Read the objects of a plain list."""
        data = self.raw(name)
        if not isinstance(data, list):
            raise self._bad(name, "list")
        for index, value in enumerate(data):
            yield Node(value, f"{self.path}[{index}]")

    def raw(self, name: str) -> object:
        """Return what is there, whatever it is."""
        return self._value.get(name)

    def replaced(self, name: str, source: "Node") -> "Node":
        """Return this object with one value taken from another."""
        return Node({**self._value, name: source.raw(name)}, self.path)

    def has(self, name: str) -> bool:
        """Tell whether something other than null is there."""
        return self._value.get(name) is not None

    def _missing(self, name: str) -> str:
        raise ObjectUnreadable(f"{self.path}.{name} is missing")

    def _bad(self, name: str, expected: str) -> ObjectUnreadable:
        return ObjectUnreadable(f"{self.path}.{name} is no {expected}")


def to_money(amount: int, currency: str) -> Money:
    """Convert an amount of Stripe's; ValueError for an unknown currency or a lost fraction."""
    places = exponent(currency)
    counted = _EXPONENTS.get(currency, places)
    scaled, rest = divmod(amount * 10**places, 10**counted)
    if rest:
        raise ValueError(f"{amount} does not convert to minor units of {currency}")
    return Money(currency, scaled)


def to_amount(money: Money) -> int:
    """Convert to an amount as Stripe counts; the reverse of ``to_money``."""
    places = exponent(money.currency)
    counted = _EXPONENTS.get(money.currency, places)
    amount: int = money.minor_units * 10**counted // 10**places
    return amount
