"""What selling needs from outside: a provider to sell through, and rows to remember it by."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from services.payments.binding import Operation, OperationKind, OperationState
from services.payments.commerce import (
    BilledItem,
    Charge,
    EndMode,
    NewCheckout,
    NewCustomer,
    Page,
    Parameters,
    Place,
    PlaceState,
    Refund,
    Settlement,
    Standing,
)
from services.payments.domain import AccountId, OperationId
from services.payments.views import Marker

Pace = Callable[[str], Awaitable[None]]
"""Waits for the right to send a request to an endpoint, which all replicas share."""


class Commerce(Protocol):
    """What a provider sells through. The builders of parameters are pure.

    Every call raises ProviderUnreachable and KeyRefused (nothing is known: try again),
    ProviderFailed (it may have been done), ProviderRefused (it will never be done so) and
    ProviderOff. ``key`` is the provider's idempotency key: the same key with the same parameters
    is done once. The finders look an object up by the marker in its metadata, among those made
    since a time; they never search. Every implementation passes ``tests/contract/providers``.
    """

    def customer_parameters(self, wanted: NewCustomer, marker: Marker) -> Parameters:
        """Say how to make a customer."""
        ...

    def checkout_parameters(
        self, wanted: NewCheckout, customer_id: str, promotion: str, marker: Marker
    ) -> Parameters:
        """Say how to make a page; ``promotion`` is what ``promotion`` returned, or empty."""
        ...

    def change_parameters(
        self, standing: Standing, wanted: Sequence[BilledItem]
    ) -> Parameters | None:
        """Say how to bill for other items; None if that is billed already."""
        ...

    def end_parameters(self, mode: EndMode) -> Parameters:
        """Say how to end, or go on."""
        ...

    def refund_parameters(
        self, charge: Charge, marker: Marker, reason: str, *, further: bool = False
    ) -> Parameters:
        """Say how to give back what is left of a payment.

        An operation makes one object, which its marker binds. A ``further`` refund of it is found
        by the marker as well, but bound by what was paid.
        """
        ...

    async def create_customer(self, key: str, parameters: Parameters) -> str:
        """Make a customer; returns the provider's id."""
        ...

    async def find_customer(self, marker: Marker, since: datetime) -> str | None:
        """Find the customer that was made with this marker."""
        ...

    async def customer_exists(self, customer_id: str) -> bool:
        """Tell whether the provider shows a customer that was not deleted."""
        ...

    async def promotion(self, code: str) -> str:
        """Return the provider's id of a code in force. Raises PromotionCodeInvalid."""
        ...

    async def create_checkout(self, key: str, parameters: Parameters) -> Page:
        """Make a page."""
        ...

    async def find_checkout(self, marker: Marker, customer_id: str, since: datetime) -> Page | None:
        """Find the customer's page that was made with this marker."""
        ...

    async def fetch_checkout(self, checkout_id: str) -> Page:
        """Return a page as it is now. Raises ObjectOutOfReach."""
        ...

    async def expire_checkout(self, checkout_id: str) -> Page:
        """Shut a page if it is open; returns it as it is then, which may be complete."""
        ...

    async def portal(self, customer_id: str, return_url: str) -> str:
        """Open the portal for a customer; returns its URL."""
        ...

    async def standing(self, subscription_id: str) -> Standing:
        """Return a subscription as it is now. Raises ObjectOutOfReach."""
        ...

    async def change_subscription(
        self, key: str, subscription_id: str, parameters: Parameters
    ) -> None:
        """Change a subscription. Raises PaymentDeclined."""
        ...

    async def cancel_subscription(self, key: str, subscription_id: str) -> None:
        """End a subscription now, giving nothing back; one that has ended already is fine.

        Nothing is collected for it any more by itself, also for invoices that are draft or open.
        """
        ...

    async def settlement(self, checkout_id: str) -> Settlement:
        """Return what a checkout was paid with and what it began. Raises ObjectOutOfReach."""
        ...

    async def collected(self, subscription_id: str, since: datetime) -> Sequence[Charge]:
        """Return every payment that was collected for a subscription's invoices since a time.

        ``since`` is a whole second, as providers tell times, and is among them. What was given back
        or disputed already is said of each.
        """
        ...

    async def refund(self, key: str, parameters: Parameters) -> Refund:
        """Give money back."""
        ...

    async def find_refund(self, payment_id: str, marker: Marker) -> Refund | None:
        """Find the refund of a payment that was made with this marker, a further one too."""
        ...

    async def close(self) -> None:
        """Let connections go."""
        ...


class CommerceStore(Protocol):
    """Operations, pages and customers inside one transaction; each method is one statement."""

    async def put_operation(self, operation: Operation) -> None:
        """Write an operation down, before its call is sent."""
        ...

    async def operation(self, operation_id: OperationId) -> Operation | None:
        """Return an operation of ours."""
        ...

    async def operations_under_way(
        self, account_id: AccountId, kind: OperationKind
    ) -> Sequence[OperationId]:
        """Return the account's operations of a kind that are STARTED.

        Whoever asks for the same waits until the caller's transaction ends.
        """
        ...

    async def operation_made(self, operation_id: OperationId, object_id: str) -> None:
        """Note what an operation made, if that is not known yet."""
        ...

    async def put_operation_once(self, operation: Operation) -> Operation:
        """Write an operation down unless its id is known; returns the one that stands."""
        ...

    async def prepare_operation(
        self, operation_id: OperationId, parameters: bytes, parameters_hash: bytes
    ) -> Operation:
        """Keep what will be sent, unless something is kept already; returns the row."""
        ...

    async def amend_operation(
        self, known: Operation, parameters: bytes, parameters_hash: bytes
    ) -> Operation:
        """Keep something else instead, unless another did since it was known; returns the row."""
        ...

    async def renew_operation(self, operation_id: OperationId, attempt: int) -> Operation:
        """Give the key of this attempt up for a new one; returns the row."""
        ...

    async def finish_operation(
        self,
        operation_id: OperationId,
        state: OperationState,
        object_id: str,
        result: Mapping[str, str],
    ) -> bool:
        """Write the outcome of an operation that is STARTED; the first outcome stays.

        Returns whether this was it: of several that finish at once one is told so.
        """
        ...

    async def enqueue_operation(self, operation_id: OperationId, priority: int) -> None:
        """Ask for an operation to be worked on from now on."""
        ...

    async def take_place(self, place: Place) -> Place:
        """Give the account's one place to a page unless it is taken; returns whose it is.

        Waits for others that try the same, and keeps the row from changing.
        """
        ...

    async def place(self, operation_id: OperationId) -> Place | None:
        """Return the place that an operation has or had."""
        ...

    async def place_of(self, provider: str, provider_account: str, session_id: str) -> Place | None:
        """Return the place of a page by the provider's id."""
        ...

    async def fill_place(
        self, operation_id: OperationId, session_id: str, expire_time: datetime
    ) -> None:
        """Note which page was made for a place."""
        ...

    async def leave_place(self, operation_id: OperationId, state: PlaceState) -> None:
        """Let the account have another page."""
        ...

    async def customer_of(self, account_id: AccountId, provider: str, provider_account: str) -> str:
        """Return the account's customer; empty for none."""
        ...

    async def account_of_customer(
        self, provider: str, provider_account: str, customer_id: str
    ) -> str:
        """Return whose customer it is; empty for nobody's."""
        ...

    async def bind_customer(
        self, account_id: AccountId, provider: str, provider_account: str, customer_id: str
    ) -> str:
        """Bind a customer to an account unless either is bound; returns the account's."""
        ...

    async def fact_recorded(self, fact_id: str) -> bool:
        """Tell whether a money fact was made true."""
        ...
