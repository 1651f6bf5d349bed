"""The sandbox's ideas of time: the machine's, one that may be moved, and a customer's own."""

import time
from typing import Protocol

from deploy.sandbox.stripe.shapes import JsonObject

TEST_CLOCK = "test_helpers.test_clock"


class Clock(Protocol):
    """Where the sandbox reads the time."""

    def time(self) -> float:
        """Seconds since the epoch."""
        ...


class SystemClock:
    """The machine's own clock."""

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()


class Objects(Protocol):
    """Where objects are read."""

    def get(self, kind: str, object_id: str) -> JsonObject | None:
        """An object, or None."""
        ...


class Timed(Protocol):
    """A unit of work: what it reads, and its time."""

    @property
    def tx(self) -> Objects:
        """Its transaction."""
        ...

    @property
    def now(self) -> int:
        """Seconds since the epoch."""
        ...


def of_customer(context: Timed, customer: JsonObject | str | None) -> JsonObject | None:
    """The test clock that a customer (or its id) hangs on, or None."""
    if isinstance(customer, str):
        customer = context.tx.get("customer", customer)
    name = customer.get("test_clock") if customer else None
    return context.tx.get(TEST_CLOCK, name) if name else None


def now_for(context: Timed, customer: JsonObject | str | None) -> int:
    """The time of a customer: its test clock's frozen time, else the sandbox's."""
    clock = of_customer(context, customer)
    return int(clock["frozen_time"]) if clock else context.now
