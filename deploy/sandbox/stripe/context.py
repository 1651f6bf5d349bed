"""What a call works with: the transaction, the account and the request that it came in."""

import random
from dataclasses import dataclass, field

from deploy.sandbox.stripe.clock import Clock, SystemClock
from deploy.sandbox.stripe.shapes import JsonObject
from deploy.sandbox.stripe.state import Store, Transaction

API_VERSION = "2026-10-28.endive"


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """A webhook endpoint from the command line: its URL and its signing secrets, all in use."""

    url: str
    secrets: tuple[str, ...]


@dataclass(slots=True)
class DeliverySettings:
    """How events reach webhook endpoints; changed on demand to make life hard.

    `copies`: how often each event is sent. `shuffle`: whether order is mixed. `delay`: seconds
    before the first attempt, drawn evenly between both. `loss`: share of deliveries that are never
    sent at all, from 0 to 1.
    """

    copies: int = 1
    shuffle: bool = False
    delay: tuple[float, float] = (0.0, 0.0)
    loss: float = 0.0


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

    def begin(self, request_id: str | None = None, key: str | None = None) -> "Context":
        """A context with a transaction of its own; ids are those that events will show."""
        return Context(self, Transaction(self.store, self.clock.time()), request_id, key)


@dataclass(frozen=True, slots=True)
class Context:
    """One unit of work."""

    world: World
    tx: Transaction
    request_id: str | None = None
    idempotency_key: str | None = None

    @property
    def now(self) -> int:
        """Seconds since the epoch, the same throughout."""
        return self.tx.now

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
