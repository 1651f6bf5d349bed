"""What sells when no provider is on: nothing."""

from collections.abc import Sequence
from datetime import datetime

from services.payments.commerce import (
    BilledItem,
    Charge,
    EndMode,
    NewCheckout,
    NewCustomer,
    Page,
    Parameters,
    Refund,
    Settlement,
    Standing,
)
from services.payments.providers.none.provider import off
from services.payments.views import Marker


class NoCommerce:
    """Payments are off: every call is refused with ProviderOff."""

    def customer_parameters(self, wanted: NewCustomer, marker: Marker) -> Parameters:
        raise off()

    def checkout_parameters(
        self, wanted: NewCheckout, customer_id: str, promotion: str, marker: Marker
    ) -> Parameters:
        raise off()

    def change_parameters(
        self, standing: Standing, wanted: Sequence[BilledItem]
    ) -> Parameters | None:
        raise off()

    def end_parameters(self, mode: EndMode) -> Parameters:
        raise off()

    def refund_parameters(
        self, charge: Charge, marker: Marker, reason: str, *, further: bool = False
    ) -> Parameters:
        raise off()

    async def create_customer(self, key: str, parameters: Parameters) -> str:
        raise off()

    async def find_customer(self, marker: Marker, since: datetime) -> str | None:
        raise off()

    async def customer_exists(self, customer_id: str) -> bool:
        raise off()

    async def promotion(self, code: str) -> str:
        raise off()

    async def create_checkout(self, key: str, parameters: Parameters) -> Page:
        raise off()

    async def find_checkout(self, marker: Marker, customer_id: str, since: datetime) -> Page | None:
        raise off()

    async def fetch_checkout(self, checkout_id: str) -> Page:
        raise off()

    async def expire_checkout(self, checkout_id: str) -> Page:
        raise off()

    async def portal(self, customer_id: str, return_url: str) -> str:
        raise off()

    async def standing(self, subscription_id: str) -> Standing:
        raise off()

    async def change_subscription(
        self, key: str, subscription_id: str, parameters: Parameters
    ) -> None:
        raise off()

    async def cancel_subscription(self, key: str, subscription_id: str) -> None:
        raise off()

    async def settlement(self, checkout_id: str) -> Settlement:
        raise off()

    async def collected(self, subscription_id: str, since: datetime) -> Sequence[Charge]:
        raise off()

    async def refund(self, key: str, parameters: Parameters) -> Refund:
        raise off()

    async def find_refund(self, payment_id: str, marker: Marker) -> Refund | None:
        raise off()

    async def close(self) -> None:
        """Nothing is open."""
