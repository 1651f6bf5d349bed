"""The provider that is on when none is: it takes nothing in and has nothing to show."""

from services.payments.domain import Capabilities, Identity, ObjectRef
from services.payments.errors import ProviderOff
from services.payments.events import Outcome, RawRequest, Refused, VerifiedEvent
from services.payments.views import Projection, Proof


class NoProvider:
    """Payments are off."""

    name = "none"
    capabilities = Capabilities()

    def verify(self, raw: RawRequest) -> VerifiedEvent | Refused:
        """Nothing listens."""
        return Refused("", Outcome.NO_PROVIDER)

    def root(self, event_type: str, object_id: str) -> ObjectRef | None:
        """Nobody handles any type."""
        return None

    def reads_body(self, event_type: str) -> bool:
        """No event has a body to read."""
        return False

    def proof(self, event: VerifiedEvent, body: bytes | None) -> Proof:
        """No event proves anything."""
        return Proof()

    async def identify(self) -> Identity:
        """There is no key."""
        raise off()

    async def fold(self, root: ObjectRef) -> Projection:
        """There is nothing to fetch."""
        raise off()

    async def close(self) -> None:
        """Nothing is open."""


def off() -> ProviderOff:
    """Return the refusal that says so."""
    return ProviderOff("No payment provider is on (BILLING_PROVIDER=none).")
