"""The payment provider of the simulation: one stateful model, in virtual time.

It is at once what payments reads from and sells through (the ports Provider and Commerce), what
people click at (``counter``), and the truth of what is paid that the invariants go by (``truth``).
"""

import random
from collections.abc import Mapping

from services.chassis.clock import Clock
from tests.simulation.shop_books import Books
from tests.simulation.shop_commerce import ShopCommerce
from tests.simulation.shop_counter import Counter
from tests.simulation.shop_line import Line, Pace, ShopFaults, at_once
from tests.simulation.shop_post import Deliver, Post, Spawn
from tests.simulation.shop_prices import Sold
from tests.simulation.shop_provider import ShopProvider
from tests.simulation.shop_truth import Paid, truth


class Shop:
    """The provider. ``deliver`` tells whether a webhook was answered 200; ``spawn`` owns tasks."""

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        deliver: Deliver,
        spawn: Spawn,
        sold: Mapping[str, Sold] | None = None,
    ) -> None:
        self.clock = clock
        self.books = Books(sold)
        # Streams of their own, so that a retry of a webhook changes no answer of the API.
        self.line = Line(clock, random.Random(rng.getrandbits(64)))
        self.post = Post(clock, random.Random(rng.getrandbits(64)), deliver, spawn)
        self.counter = Counter(self.books, self.post, clock, spawn)
        self.provider = ShopProvider(self.books, self.line)

    @property
    def faults(self) -> ShopFaults:
        """What goes wrong on the line; to be changed in place."""
        return self.line.faults

    @property
    def commerce(self) -> ShopCommerce:
        """What is sold through by somebody who is alone."""
        return self.sell(at_once)

    def sell(self, pace: Pace) -> ShopCommerce:
        """Return what one replica sells through, at the pace that it shares."""
        return ShopCommerce(self.counter, self.line, pace)

    def quiet(self) -> None:
        """Nothing goes wrong from now on, on the line or in the post."""
        self.line.quiet()
        self.post.quiet()

    def stop_renewing(self) -> None:
        """Let no period end any more: what is open drains."""
        self.counter.billing.renews = False

    @property
    def payments(self) -> int:
        """How many payments were collected."""
        return len(self.books.payments)

    def truth(self) -> list[Paid]:
        """Return what was ever bought and what is paid of it now, in the order of payment."""
        return truth(self.books)
