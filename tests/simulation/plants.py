"""Known bugs to plant: each could have been written by somebody, and breaks an invariant.

A simulation that finds none of them would find nothing else either; ``test_plants.py`` holds it to
that. A plant replaces a piece of the product while its context lasts, and only in this process.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from services.chassis.ids import derived
from services.payments import ingest
from services.payments.binding import Operation
from services.payments.events import Ingested, Outcome
from services.provisioner import drawing, exact, manifests
from services.provisioner.domain import Tenant, Version
from services.provisioner.manifests import Blueprint
from services.subscription import granting, ledger, reckoning, usecases
from services.subscription.domain import Snapshot
from services.subscription.usecases import freshness, renewing, settling
from tests.fakes import memory_queue
from tests.fakes import provisioner as of_provisioner
from tests.fakes import subscription_facts as of_facts
from tests.simulation.actions.action import Action
from tests.simulation.actions.drift import Drifts
from tests.simulation.actions.late_money import PaysLate
from tests.simulation.actions.lifecycles import Dithers
from tests.simulation.actions.shop_checkouts import BuysAnother, ForeignPurchase

_OFTEN = 400.0
"""As much as everything else together and more."""


@dataclass(frozen=True, slots=True)
class Plant:
    """A bug. ``invariants`` names those that can find it, ``faults`` what has to go wrong for it.

    ``payments`` is how large a world has to be for it to show in one of a few, and ``often`` what
    people do there most of the time. Calling it gives the context in which it is there.
    """

    name: str
    invariants: frozenset[str]
    faults: tuple[str, ...]
    bug: Callable[[], AbstractContextManager[None]]
    payments: int = 25
    often: type[Action] | None = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Plant it."""
        with ExitStack() as stack:
            stack.enter_context(self.bug())
            if self.often is not None:
                stack.enter_context(patch.object(self.often, "weight", _OFTEN))
            yield


@contextmanager
def _acknowledges_first() -> Iterator[None]:
    """A webhook is answered 200 while it is still being stored."""
    commits = ingest._outcome
    kept: list[asyncio.Future[Ingested]] = []

    async def answers(taken: Any) -> Ingested:
        kept.append(asyncio.ensure_future(commits(taken)))
        return Ingested(Outcome.STORED, event_id=taken.event_id)

    with patch.object(ingest, "_outcome", answers):
        yield


@contextmanager
def _spends_without_key() -> Iterator[None]:
    """A debit that is asked for again is entered again: its name is not derived from its key."""
    numbers = itertools.count()

    def name(asked: ledger.SpendRequest, what: str) -> str:
        return derived("cre", what, asked.pool.account, asked.request_id, str(next(numbers)))

    with patch.object(ledger.SpendRequest, "name", name):
        yield


@contextmanager
def _lets_in_first() -> Iterator[None]:
    """The owner's binding is made together with the fence, not after it."""
    draws = manifests.blueprint

    def draw(*args: Any) -> Blueprint:
        drawn = draws(*args)
        if drawn.owner is None:
            return drawn
        return replace(drawn, fences=(drawn.owner, *drawn.fences), owner=None)

    with patch.object(drawing, "blueprint", draw):
        yield


@contextmanager
def _grants_again() -> Iterator[None]:
    """A period's credits are granted each time that its payment is told of."""
    numbers = itertools.count()
    due = granting.due_grant

    def name(subscription: str, start: object) -> str:
        return derived("grt", subscription, str(start), str(next(numbers)))

    def again(subscription: Any, purchase: Any, invoices: Any, newest: Any) -> Any:
        return due(subscription, purchase, invoices, None)

    with patch.object(granting, "grant_name", name), patch.object(renewing, "due_grant", again):
        yield


@contextmanager
def _deletes_at_once() -> Iterator[None]:
    """What has ended is deleted as soon as the timer looks: its retention time is forgotten."""
    graces = reckoning._grace

    def grace(unit: Any, offer: Any, known: Any, **others: Any) -> Any:
        return graces(unit, replace(offer, retention=timedelta(0)), known, **others)

    with patch.object(reckoning, "_grace", grace):
        yield


@contextmanager
def _asks_with_new_keys() -> Iterator[None]:
    """A call to the provider that is made again has another idempotency key."""
    numbers = itertools.count()

    def key(operation: Operation) -> str:
        return f"{operation.id}.{next(numbers)}"

    with patch.object(Operation, "key", property(key)):
        yield


@contextmanager
def _enqueues_nothing_late() -> Iterator[None]:
    """An event that comes while its object is being fetched asks for no other fetch."""
    asks = memory_queue._asked

    def forgets(known: Any, generation: int, due_at: float, priority: int) -> Any:
        running = known is not None and known.running
        return known if running else asks(known, generation, due_at, priority)

    with patch.object(memory_queue, "_asked", forgets):
        yield


@contextmanager
def _counts_from_one() -> Iterator[None]:
    """A key's generations are counted in its row, so one that is made anew begins with 1 again."""
    asks = memory_queue._asked

    def counts(known: Any, _generation: int, due_at: float, priority: int) -> Any:
        return asks(known, known.generation + 1 if known else 1, due_at, priority)

    with patch.object(memory_queue, "_asked", counts):
        yield


@contextmanager
def _takes_older_orders() -> Iterator[None]:
    """An order is taken whatever its version: it is not compared with the one in force."""
    locks = of_provisioner.MemoryStore.lock_incarnation

    async def forgets(store: Any, account: str, incarnation: int) -> Tenant | None:
        tenant = await locks(store, account, incarnation)
        return tenant and replace(tenant, order=replace(tenant.order, version=Version(0, 0)))

    with patch.object(of_provisioner.MemoryStore, "lock_incarnation", forgets):
        yield


@contextmanager
def _takes_older_snapshots() -> Iterator[None]:
    """A provider's subscription is taken as a fact says, whatever its revision is."""

    async def put(store: Any, snapshot: Snapshot) -> bool:
        await store._tx.put(of_facts.SNAPSHOTS, snapshot.key, snapshot)
        return True

    with patch.object(of_facts.MemoryFacts, "put_snapshot", put):
        yield


@contextmanager
def _drops_what_it_does_not_know() -> Iterator[None]:
    """A fact of a kind that a version does not know is acknowledged, and that is all."""

    async def drops(_tx: Any, _envelope: Any) -> None:
        """Say that it was taken."""

    with patch.object(usecases, "keep_unknown", drops):
        yield


@contextmanager
def _refunds_on_stale_news() -> Iterator[None]:
    """A refusal is decided on by what was delivered; nothing in its way is looked at again."""
    with patch.object(freshness.Look, "stale", lambda *_: []):
        yield


@contextmanager
def _lets_rivals_bill() -> Iterator[None]:
    """What rested while another was bought goes on beside it, and both are paid for."""
    with patch.object(reckoning, "giving_way", lambda _: ()):
        yield


@contextmanager
def _keeps_late_money() -> Iterator[None]:
    """What arrives for a subscription after its money was given back is nobody's business."""

    async def keeps(*_: Any) -> None:
        """Ask for nothing."""

    with patch.object(settling, "ask_for_late_money", keeps):
        yield


@contextmanager
def _leaves_gaps() -> Iterator[None]:
    """What others add to a fence is taken for theirs, as it is elsewhere."""
    with patch.object(exact, "_gaps", lambda *_: []):
        yield


_ALL = (
    Plant(
        "acknowledges first",
        frozenset({"acknowledged is stored"}),
        ("crashes", "lost commits", "slow statements"),
        _acknowledges_first,
        payments=70,
    ),
    Plant(
        "spends without key",
        frozenset({"spent once", "the ledger adds up"}),
        ("lost calls", "doubled calls"),
        _spends_without_key,
    ),
    Plant("lets in first", frozenset({"fence before owner"}), (), _lets_in_first),
    Plant("grants again", frozenset({"granted once per period"}), (), _grants_again),
    Plant(
        "deletes at once",
        frozenset({"nothing deleted without a permit", "capacity stands iff it is paid"}),
        (),
        _deletes_at_once,
    ),
    Plant(
        "asks with new keys",
        frozenset({"made once", "refunded once and for cause"}),
        ("unreachable shop",),
        _asks_with_new_keys,
    ),
    Plant(
        "forgets what comes in between",
        frozenset({"everything paid is known", "nothing waits for ever"}),
        ("unreachable shop", "late webhooks"),
        _enqueues_nothing_late,
    ),
    Plant(
        "counts from one",
        frozenset({"nothing waits for ever", "everything paid is known"}),
        ("slow pages", "scattered webhooks"),
        _counts_from_one,
        payments=40,
        often=ForeignPurchase,
    ),
    Plant(
        "takes older orders",
        frozenset({"consumers hold the newest"}),
        ("late calls",),
        _takes_older_orders,
        often=Dithers,
    ),
    Plant(
        "takes older snapshots",
        frozenset({"consumers hold the newest"}),
        ("older version",),
        _takes_older_snapshots,
    ),
    Plant(
        "drops what it does not know",
        frozenset({"everything paid is known", "consumers hold the newest"}),
        ("older version",),
        _drops_what_it_does_not_know,
    ),
    Plant(
        "refunds on stale news",
        frozenset({"refunded once and for cause"}),
        ("late webhooks",),
        _refunds_on_stale_news,
        often=BuysAnother,
    ),
    Plant(
        "lets rivals bill",
        frozenset({"capacity stands iff it is paid"}),
        (),
        _lets_rivals_bill,
        often=BuysAnother,
    ),
    Plant(
        "keeps late money",
        frozenset({"refunded once and for cause"}),
        (),
        _keeps_late_money,
        often=PaysLate,
    ),
    Plant("leaves gaps", frozenset({"fences are exact"}), (), _leaves_gaps, often=Drifts),
)
PLANTS = {plant.name: plant for plant in _ALL}
"""Every plant, by name."""
