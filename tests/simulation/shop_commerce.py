"""Payments' port Commerce on the simulated provider: one for each replica, with its pace."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from services.chassis.money import Money
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
    item_changes,
)
from services.payments.errors import PromotionCodeInvalid, ProviderRefused
from services.payments.views import Marker
from tests.simulation import shop_views as views
from tests.simulation.shop_counter import Counter, Wanted
from tests.simulation.shop_line import Line, Pace
from tests.simulation.shop_rows import RefundRow

_PROMOTION = "promo_"


class ShopCommerce:
    """What payments sells through."""

    def __init__(self, counter: Counter, line: Line, pace: Pace) -> None:
        self._counter = counter
        self._books = counter.books
        self._line = line
        self._pace = pace

    def customer_parameters(self, wanted: NewCustomer, marker: Marker) -> Parameters:
        """Say how to make a customer."""
        return {
            "email": wanted.email,
            "identity": dict(sorted(wanted.identity.items())),
            "marker": _plain(marker),
        }

    def checkout_parameters(
        self, wanted: NewCheckout, customer_id: str, promotion: str, marker: Marker
    ) -> Parameters:
        """Say how to make a page."""
        return {
            "customer": customer_id,
            "items": [[item.price_id, item.quantity] for item in wanted.items],
            "recurring": wanted.recurring,
            "expires_at": int(wanted.expire_time.timestamp()),
            "trial_days": wanted.trial_days,
            "promotion": promotion,
            "marker": _plain(marker),
        }

    def change_parameters(
        self, standing: Standing, wanted: Sequence[BilledItem]
    ) -> Parameters | None:
        """Say how to bill for other items."""
        changes = item_changes(standing.items, tuple(wanted))
        if not changes:
            return None
        return {"items": [[one.item_id, one.price_id, one.quantity] for one in changes]}

    def end_parameters(self, mode: EndMode) -> Parameters:
        """Say how to end later, or go on."""
        return {"cancel_at_period_end": mode is EndMode.AT_PERIOD_END}

    def refund_parameters(
        self, charge: Charge, marker: Marker, reason: str, *, further: bool = False
    ) -> Parameters:
        """Say how to give back what is left."""
        return {
            "payment": charge.payment_id,
            "amount": charge.left.minor_units,
            "marker": _plain(marker),
            "further": further,
            "reason": reason,
        }

    async def create_customer(self, key: str, parameters: Parameters) -> str:
        """Make a customer."""
        told = _told(parameters)
        await self._pace("customer.create")
        return await self._line.act(
            "customer.create",
            key,
            parameters,
            lambda: (
                self._counter.customer(told["email"], told["identity"], _marker(told["marker"])).id
            ),
        )

    async def find_customer(self, marker: Marker, since: datetime) -> str | None:
        """Look among what was made with this marker."""
        return await self._line.read(
            "customer.list", lambda: self._books.marked.get(("cus", marker))
        )

    async def customer_exists(self, customer_id: str) -> bool:
        """Tell whether a customer is shown."""
        return await self._line.read("customer", lambda: customer_id in self._books.customers)

    async def promotion(self, code: str) -> str:
        """Look a code up."""
        known = await self._line.read("promotion_code.list", lambda: code in self._books.codes)
        if not known:
            raise PromotionCodeInvalid("This promotion code is not valid.")
        return f"{_PROMOTION}{code}"

    async def create_checkout(self, key: str, parameters: Parameters) -> Page:
        """Make a page; a replayed answer is the page as it is now but for what it was paid."""
        told = _told(parameters)
        wanted = Wanted(
            items=tuple((price, quantity) for price, quantity in told["items"]),
            recurring=told["recurring"],
            customer=told["customer"],
            expires=datetime.fromtimestamp(told["expires_at"], UTC),
            trial_days=told["trial_days"],
            coupon=self._books.codes.get(told["promotion"].removeprefix(_PROMOTION)),
            marker=_marker(told["marker"]),
        )
        await self._pace("checkout.create")
        name = await self._line.act(
            "checkout.create", key, parameters, lambda: self._counter.page(wanted).id
        )
        return self._page(name)

    async def find_checkout(self, marker: Marker, customer_id: str, since: datetime) -> Page | None:
        """Look among what was made with this marker."""
        name = await self._line.read(
            "checkout.list", lambda: self._books.marked.get(("cs", marker))
        )
        return None if name is None else await self.fetch_checkout(name)

    async def fetch_checkout(self, checkout_id: str) -> Page:
        """Show a page."""
        await self._pace("checkout")
        return await self._line.read("checkout", lambda: self._page(checkout_id))

    async def expire_checkout(self, checkout_id: str) -> Page:
        """Shut a page if it is open."""
        await self._pace("checkout.expire")

        def expire() -> Page:
            self._counter.shut(checkout_id)
            return self._page(checkout_id)

        return await self._line.unkeyed("checkout.expire", expire)

    async def portal(self, customer_id: str, return_url: str) -> str:
        """Open the portal."""
        return await self._line.read("portal", lambda: f"https://portal.example.com/{customer_id}")

    async def standing(self, subscription_id: str) -> Standing:
        """Show a subscription."""
        await self._pace("subscription")
        return await self._line.read(
            "subscription",
            lambda: views.standing_of(self._books, self._books.subscription(subscription_id)),
        )

    async def change_subscription(
        self, key: str, subscription_id: str, parameters: Parameters
    ) -> None:
        """Change a subscription."""
        told = _told(parameters)

        def change() -> str:
            if "items" in told:
                self._counter.rebill(subscription_id, told["items"])
            else:
                self._counter.end_later(subscription_id, ends=told["cancel_at_period_end"])
            return subscription_id

        await self._pace("subscription.update")
        await self._line.act("subscription.update", key, [subscription_id, parameters], change)

    async def cancel_subscription(self, key: str, subscription_id: str) -> None:
        """End a subscription; one that has ended is shown to nobody who ends it."""

        def cancel() -> str:
            self._counter.end(subscription_id, by=key)
            return subscription_id

        await self._pace("subscription.cancel")
        await self._line.act("subscription.cancel", key, [subscription_id], cancel)

    async def settlement(self, checkout_id: str) -> Settlement:
        """Show what a page was paid with and what it began."""
        return await self._line.read("settlement", lambda: self._settlement(checkout_id))

    async def collected(self, subscription_id: str, since: datetime) -> Sequence[Charge]:
        """Show what was paid for a subscription's invoices."""
        await self._pace("invoice.list")
        return await self._line.read(
            "invoice.list", lambda: self._collected(subscription_id, since)
        )

    async def refund(self, key: str, parameters: Parameters) -> Refund:
        """Give money back."""
        told = _told(parameters)

        def give() -> str:
            payment = self._books.payments[told["payment"]]
            amount = Money(payment.amount.currency, told["amount"])
            charge = self._books.charge(payment)
            if amount > charge.left:
                raise ProviderRefused("too much", metadata={"code": "charge_already_refunded"})
            marker = _marker(told["marker"])
            row = self._counter.refund(payment.id, amount, None if told["further"] else marker)
            row.part_of = marker
            return row.id

        await self._pace("refund.create")
        return views.refund_of(
            self._books.refunds[await self._line.act("refund.create", key, parameters, give)]
        )

    async def find_refund(self, payment_id: str, marker: Marker) -> Refund | None:
        """Look among the refunds of a payment."""
        row = await self._line.read("refund.list", lambda: self._refund_of(payment_id, marker))
        return None if row is None else views.refund_of(row)

    async def close(self) -> None:
        """Nothing is open."""

    def _page(self, checkout_id: str) -> Page:
        return views.page_of(self._books, self._counter.session(checkout_id))

    def _refund_of(self, payment_id: str, marker: Marker) -> RefundRow | None:
        payment = self._books.payments.get(payment_id)
        given = [] if payment is None else [self._books.refunds[one] for one in payment.refunds]
        return next((refund for refund in given if refund.part_of == marker), None)

    def _collected(self, subscription_id: str, since: datetime) -> list[Charge]:
        invoices = self._books.invoices.values()
        mine = {one.id for one in invoices if one.subscription == subscription_id}
        return [
            self._books.charge(payment)
            for payment in self._books.payments.values()
            if payment.invoice in mine and payment.at.replace(microsecond=0) >= since
        ]

    def _settlement(self, checkout_id: str) -> Settlement:
        session = self._counter.session(checkout_id)
        sub = self._books.subscriptions.get(session.subscription)
        payment = self._books.payments.get(session.payment)
        return Settlement(
            checkout_id,
            () if payment is None else (self._books.charge(payment),),
            session.subscription,
            sub is not None and not sub.over,
        )


def _told(parameters: Parameters) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", parameters)


def _plain(marker: Marker) -> list[str]:
    return [marker.operation_id, marker.deployment, marker.account_id]


def _marker(told: Sequence[str]) -> Marker:
    operation, deployment, account = told
    return Marker(operation, deployment, account)
