"""Which purchase a customer at the provider belongs to, learned from the events that pass."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tests.chaos.plan import Purchase

_NAME = re.compile(r"chaos-(\d+)")
NOBODY = (0, False)


class Roster:
    """Learns a customer's purchase from the name in its e-mail address or metadata."""

    def __init__(self, purchases: Iterable[Purchase]) -> None:
        self._purchases = {purchase.number: purchase for purchase in purchases}
        self._numbers: dict[str, int] = {}

    def learn(self, customer: Mapping[str, Any]) -> None:
        """Take in what a customer object says."""
        texts = [customer.get("email") or "", *(customer.get("metadata") or {}).values()]
        for text in texts:
            found = _NAME.match(text)
            if found:
                self._numbers[customer["id"]] = int(found.group(1))
                return

    def whose(self, customer: str) -> tuple[int, bool]:
        """Return the purchase's number (0: nobody's), and whether some of its events wait."""
        purchase = self._purchases.get(self._numbers.get(customer, 0))
        return NOBODY if purchase is None else (purchase.number, purchase.withheld)
