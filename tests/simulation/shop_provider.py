"""Payments' port Provider on the simulated provider."""

from datetime import UTC, datetime

import orjson

from services.payments.domain import Capabilities, Identity, ObjectRef
from services.payments.errors import ObjectUnreadable
from services.payments.events import RawRequest, Refused, VerifiedEvent
from services.payments.providers.stripe import events
from services.payments.views import Projection, Proof
from tests.simulation.shop_books import Books
from tests.simulation.shop_line import Line
from tests.simulation.shop_post import PROVIDER, SIGNATURE, VERSION
from tests.simulation.shop_views import fetched

IDENTITY = Identity("acct_simulated", livemode=False)


class ShopProvider:
    """What payments reads from. Types of events lead where the real adapter's map says."""

    name = PROVIDER
    capabilities = Capabilities(checkout=True, portal=True, webhooks=True, addons=True)

    def __init__(self, books: Books, line: Line) -> None:
        self._books = books
        self._line = line

    def verify(self, raw: RawRequest) -> VerifiedEvent | Refused:
        """Believe what carries the signature; nothing is read before that."""
        if raw.headers.get("signature") != SIGNATURE:
            return Refused("SIGNATURE_MISSING")
        told = orjson.loads(raw.body)
        payload = told["data"]["object"]
        object_id = payload["id"]
        kind = events.HANDLED.get(told["type"])
        return VerifiedEvent(
            id=told["id"],
            type=told["type"],
            object_id=object_id,
            account="",
            livemode=IDENTITY.livemode,
            api_version=told["api_version"],
            created=datetime.fromtimestamp(told["created"], UTC),
            root=self.root(told["type"], object_id),
            shows=() if kind is None else kind.shows(payload),
            follows=kind is not None and kind.follows(payload),
        )

    def root(self, event_type: str, object_id: str) -> ObjectRef | None:
        """Look the type up."""
        return events.root_of(event_type, object_id)

    def reads_body(self, event_type: str) -> bool:
        """Say whether the event proves more than its object."""
        kind = events.HANDLED.get(event_type)
        return kind is not None and kind.prove is not None

    def proof(self, event: VerifiedEvent, body: bytes | None) -> Proof:
        """Say what the event proves."""
        kind = events.HANDLED.get(event.type)
        if kind is None or kind.prove is None:
            return Proof()
        if body is None or event.api_version != VERSION:
            return kind.prove(None)
        try:
            payload = orjson.loads(body)["data"]["object"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise ObjectUnreadable(f"{event.id} holds no object") from error
        return kind.prove(payload)

    async def identify(self) -> Identity:
        """Say whose account it is."""
        return await self._line.read("identify", lambda: IDENTITY)

    async def fold(self, root: ObjectRef) -> Projection:
        """Show a root object."""
        return await self._line.read(f"fetch.{root.kind}", lambda: fetched(self._books, root))

    async def close(self) -> None:
        """Nothing is open."""
