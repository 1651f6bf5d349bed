"""What a call works with: the transaction, the account and the request that it came in."""

import asyncio
import random
from dataclasses import dataclass, field, replace

from deploy.sandbox.stripe.agenda import Agenda
from deploy.sandbox.stripe.clock import Clock, SystemClock
from deploy.sandbox.stripe.shapes import JsonObject
from deploy.sandbox.stripe.state import Store, Transaction

API_VERSION = "2026-10-28.endive"
MOVED = "moved_clock"  # kind and id of how far the sandbox's time is from the machine's


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """A webhook endpoint from the command line: its URL and its signing secrets, all in use.

    ``events`` are the types that it asks for; none said are all, or those that it asked for before.
    """

    url: str
    secrets: tuple[str, ...]
    events: tuple[str, ...] = ()


@dataclass(slots=True)
class DeliverySettings:
    """How events reach webhook endpoints; changed on demand to make life hard.

    `copies`: how often each event is sent. `shuffle`: whether order is mixed. `delay`: seconds
    before the first attempt, drawn evenly between both. `loss`: share of deliveries that are never
    sent at all, from 0 to 1. `same_second`: the `created` of events is rounded down to a multiple
    of so many seconds, so that changes that lie apart tell of one and the same second.
    """

    copies: int = 1
    shuffle: bool = False
    delay: tuple[float, float] = (0.0, 0.0)
    loss: float = 0.0
    same_second: int = 1


@dataclass(slots=True)
class Account:
    """The one account: its id, its secret key, the API version of its events, where it listens."""

    id: str
    secret_key: str
    api_version: str = API_VERSION
    url: str = ""


@dataclass(slots=True)
class World:
    """What all calls share."""

    store: Store
    account: Account
    clock: Clock = field(default_factory=SystemClock)
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    rng: random.Random = field(default_factory=random.Random)
    agenda: Agenda = field(default_factory=Agenda)
    wake: asyncio.Event = field(default_factory=asyncio.Event)  # something may have fallen due

    def begin(self, request_id: str | None = None, key: str | None = None) -> "Context":
        """A context with a transaction of its own; ids are those that events will show."""
        return Context(
            self, Transaction(self.store, self.clock.time()), int(self.time()), request_id, key
        )

    def time(self) -> float:
        """The sandbox's time: the machine's, and how far it was moved (`/sandbox/clock`)."""
        moved = self.store.shelf(MOVED).objects.get(MOVED)
        return self.clock.time() + (moved["seconds"] if moved else 0)


@dataclass(frozen=True, slots=True)
class Context:
    """One unit of work."""

    world: World
    tx: Transaction
    now: int  # seconds since the epoch, the same throughout
    request_id: str | None = None
    idempotency_key: str | None = None

    def at(self, moment: int) -> "Context":
        """The same unit of work at another time, e.g. that of a test clock."""
        return replace(self, now=moment)

    @property
    def url(self) -> str:
        """Where the sandbox listens, without a slash at the end."""
        return self.world.account.url


@dataclass(frozen=True, slots=True)
class Call:
    """An API call, authenticated, with its parameters checked."""

    context: Context
    params: JsonObject
    path: dict[str, str]

    @property
    def tx(self) -> Transaction:
        """The transaction of the call."""
        return self.context.tx

    @property
    def now(self) -> int:
        """Seconds since the epoch."""
        return self.context.now
