"""A provider to sell through, in memory, that keeps the promises of real ones.

It honours idempotency keys: the first answer is replayed, also a
failure; the same key with other parameters is refused.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    PageState,
    Parameters,
    Refund,
    Settlement,
    Standing,
    StandingItem,
    encode,
    item_changes,
)
from services.payments.errors import (
    ObjectOutOfReach,
    PromotionCodeInvalid,
    ProviderFailed,
    ProviderRefused,
)
from services.payments.views import CustomerView, Item, Marker, SubscriptionStatus, SubscriptionView


async def _nothing(_call: str) -> None:
    """Nothing happens at a call."""


@dataclass
class _Session:
    """A page, and what it was made with."""

    page: Page
    parameters: Mapping[str, Any]
    marker: Marker
    made: datetime


@dataclass
class MemoryCommerce:
    """A provider to sell through. Prices are known by id, in minor units of ``currency``.

    ``at`` runs at each call by its name, before it has an effect; ``after`` once it had. Either may
    raise, as a provider fails: what ``after`` raises under a key is replayed.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    prices: dict[str, int] = field(default_factory=lambda: {"price_1": 4900, "price_2": 9900})
    currency: str = "eur"
    codes: set[str] = field(default_factory=set)
    at: Callable[[str], Awaitable[None]] = _nothing
    after: Callable[[str], Awaitable[None]] = _nothing
    customers: dict[str, Marker | None] = field(default_factory=dict)
    sessions: dict[str, _Session] = field(default_factory=dict)
    subscriptions: dict[str, Standing] = field(default_factory=dict)
    charges: dict[str, Charge] = field(default_factory=dict)
    """By what was paid: a page, or an invoice of a renewal."""
    payments: dict[str, list[tuple[str, datetime]]] = field(default_factory=dict)
    """What was paid for a subscription, by keys of ``charges``, and when."""
    refunds: dict[str, tuple[Refund, str, Marker | None]] = field(default_factory=dict)
    further: set[str] = field(default_factory=set)
    """Refunds that their operation's marker finds, and does not bind."""
    calls: list[str] = field(default_factory=list)
    _answers: dict[str, tuple[bytes, object]] = field(default_factory=dict)
    _made: int = 0

    def customer_parameters(self, wanted: NewCustomer, marker: Marker) -> Parameters:
        return {"email": wanted.email, "marker": _plain(marker)}

    def checkout_parameters(
        self, wanted: NewCheckout, customer_id: str, promotion: str, marker: Marker
    ) -> Parameters:
        return {
            "customer": customer_id,
            "items": [[item.price_id, item.quantity] for item in wanted.items],
            "recurring": wanted.recurring,
            "expires_at": int(wanted.expire_time.timestamp()),
            "promotion": promotion,
            "marker": _plain(marker),
        }

    def change_parameters(
        self, standing: Standing, wanted: Sequence[BilledItem]
    ) -> Parameters | None:
        changes = item_changes(standing.items, tuple(wanted))
        return {"items": [[item.price_id, item.quantity] for item in wanted]} if changes else None

    def end_parameters(self, mode: EndMode) -> Parameters:
        return {"cancel_at_period_end": mode is EndMode.AT_PERIOD_END}

    def refund_parameters(
        self, charge: Charge, marker: Marker, reason: str, *, further: bool = False
    ) -> Parameters:
        return {
            "payment": charge.payment_id,
            "amount": charge.left.minor_units,
            "marker": _plain(marker),
            "further": further,
        }

    async def create_customer(self, key: str, parameters: Parameters) -> str:
        def make() -> str:
            name = self._name("cus")
            self.customers[name] = _marker(parameters)
            return name

        return await self._once("create_customer", key, parameters, make)

    async def find_customer(self, marker: Marker, since: datetime) -> str | None:
        await self._called("find_customer")
        return next((name for name, one in self.customers.items() if one == marker), None)

    async def customer_exists(self, customer_id: str) -> bool:
        await self._called("customer_exists")
        return customer_id in self.customers

    async def promotion(self, code: str) -> str:
        await self._called("promotion")
        if code not in self.codes:
            raise PromotionCodeInvalid("This promotion code is not valid.")
        return f"promo_{code}"

    async def create_checkout(self, key: str, parameters: Parameters) -> Page:
        def make() -> str:
            told = cast("Mapping[str, Any]", parameters)
            name = self._name("cs")
            cost = sum(self.prices[price] * quantity for price, quantity in told["items"])
            ends = datetime.fromtimestamp(told["expires_at"], UTC)
            page = Page(
                name,
                PageState.OPEN,
                False,
                f"https://pay.example.com/{name}",
                ends,
                told["customer"],
                "",
                Money(self.currency, cost),
            )
            marker = _marker(parameters)
            assert marker is not None
            self.sessions[name] = _Session(page, told, marker, self.now())
            return name

        # As with the provider, a replayed answer is the page as it was when it was made.
        return self._page(await self._once("create_checkout", key, parameters, make))

    async def find_checkout(self, marker: Marker, customer_id: str, since: datetime) -> Page | None:
        await self._called("find_checkout")
        for name, session in self.sessions.items():
            if session.marker == marker and session.made >= since:
                return self._page(name)
        return None

    async def fetch_checkout(self, checkout_id: str) -> Page:
        await self._called("fetch_checkout")
        return self._page(checkout_id)

    async def expire_checkout(self, checkout_id: str) -> Page:
        await self._called("expire_checkout")
        if self._page(checkout_id).state is PageState.OPEN:
            self._set(checkout_id, state=PageState.EXPIRED, url="")
        return self._page(checkout_id)

    async def portal(self, customer_id: str, return_url: str) -> str:
        await self._called("portal")
        return f"https://portal.example.com/{customer_id}"

    async def standing(self, subscription_id: str) -> Standing:
        await self._called("standing")
        return self._standing(subscription_id)

    async def change_subscription(
        self, key: str, subscription_id: str, parameters: Parameters
    ) -> None:
        def change() -> str:
            standing = self._standing(subscription_id)
            told = cast("Mapping[str, Any]", parameters)
            view = standing.view
            if "items" in told:
                standing = _billed(view, told["items"], self.currency, self.prices)
            else:
                ends = told["cancel_at_period_end"]
                standing = replace(standing, view=replace(view, cancel_at_period_end=ends))
            self.subscriptions[subscription_id] = standing
            return subscription_id

        await self._once("change_subscription", key, [subscription_id, parameters], change)

    async def cancel_subscription(self, key: str, subscription_id: str) -> None:
        def cancel() -> str:
            standing = self._standing(subscription_id)
            over = replace(standing.view, status=SubscriptionStatus.CANCELED)
            self.subscriptions[subscription_id] = replace(standing, view=over)
            return subscription_id

        await self._once("cancel_subscription", key, [subscription_id], cancel)

    async def settlement(self, checkout_id: str) -> Settlement:
        await self._called("settlement")
        page = self._page(checkout_id)
        standing = self.subscriptions.get(page.subscription_id)
        charge = self.charges.get(checkout_id)
        return Settlement(
            checkout_id,
            () if charge is None else (charge,),
            page.subscription_id,
            standing is not None and standing.view.status is not SubscriptionStatus.CANCELED,
        )

    async def collected(self, subscription_id: str, since: datetime) -> Sequence[Charge]:
        await self._called("collected")
        paid = [name for name, at in self.payments.get(subscription_id, ()) if at >= since]
        return [self.charges[name] for name in paid if name in self.charges]

    async def refund(self, key: str, parameters: Parameters) -> Refund:
        def give() -> str:
            told = cast("Mapping[str, Any]", parameters)
            checkout_id, charge = next(
                one for one in self.charges.items() if one[1].payment_id == told["payment"]
            )
            amount = Money(charge.paid.currency, told["amount"])
            if charge.disputed is not None:
                raise ProviderRefused("disputed", metadata={"code": "charge_disputed"})
            if amount > charge.paid - charge.refunded:
                raise ProviderRefused("too much", metadata={"code": "charge_already_refunded"})
            name = self._name("re")
            self.refunds[name] = (Refund(name, amount), charge.payment_id, _marker(parameters))
            if told["further"]:
                self.further.add(name)
            self.charges[checkout_id] = replace(
                charge, refunded=charge.refunded + amount, refund_id=name
            )
            return name

        return self.refunds[await self._once("refund", key, parameters, give)][0]

    async def find_refund(self, payment_id: str, marker: Marker) -> Refund | None:
        await self._called("find_refund")
        found = (
            one for one, paid, mark in self.refunds.values() if (paid, mark) == (payment_id, marker)
        )
        return next(found, None)

    async def close(self) -> None:
        """Nothing is open."""

    def pay(self, checkout_id: str) -> None:
        """The person pays."""
        session = self.sessions[checkout_id]
        subscription_id = self._name("sub") if session.parameters["recurring"] else ""
        self._set(
            checkout_id,
            state=PageState.COMPLETE,
            url="",
            paid=True,
            subscription_id=subscription_id,
        )
        paid = session.page.subtotal
        assert paid is not None
        self._took(checkout_id, subscription_id, paid)
        if subscription_id:
            view = SubscriptionView(
                subscription_id,
                SubscriptionStatus.ACTIVE,
                CustomerView(session.page.customer_id),
                (),
                marker=session.marker,
            )
            items = session.parameters["items"]
            self.subscriptions[subscription_id] = _billed(view, items, self.currency, self.prices)

    def renew(self, subscription_id: str) -> Charge:
        """A period begins and is paid for."""
        items = self.subscriptions[subscription_id].items
        cost = sum(self.prices[item.price_id] * item.quantity for item in items)
        return self.charge(subscription_id, Money(self.currency, cost))

    def charge(self, subscription_id: str, amount: Money) -> Charge:
        """Something is collected for a subscription, as for a change that is billed at once."""
        return self._took(self._name("in"), subscription_id, amount)

    def dispute(self, checkout_id: str) -> None:
        """The payer asks the bank for the money of a page, and gets it."""
        charge = self.charges[checkout_id]
        self.charges[checkout_id] = replace(charge, disputed=charge.paid - charge.refunded)

    def _took(self, name: str, subscription_id: str, paid: Money) -> Charge:
        self.charges[name] = Charge(self._name("pi"), paid, Money.zero(paid.currency))
        at = self.now().replace(microsecond=0)
        self.payments.setdefault(subscription_id, []).append((name, at))
        return self.charges[name]

    def forget_keys(self) -> None:
        """More than a day passes at the provider."""
        self._answers.clear()

    def open_pages(self) -> list[str]:
        """Pages that can be paid."""
        return [name for name in self.sessions if self._page(name).state is PageState.OPEN]

    async def _once(self, call: str, key: str, parameters: object, make: Callable[[], str]) -> str:
        await self._called(call)
        mark = encode([call, parameters])
        if key in self._answers:
            known, answer = self._answers[key]
            if known != mark:
                raise ProviderFailed("other parameters", replayed=True)
            if isinstance(answer, ProviderFailed):
                raise ProviderFailed(answer.message, replayed=True)
            return cast("str", answer)
        made = make()
        self._answers[key] = (mark, made)
        try:
            await self.after(call)
        except ProviderFailed as exc:
            self._answers[key] = (mark, exc)
            raise
        return made

    async def _called(self, call: str) -> None:
        self.calls.append(call)
        await self.at(call)

    def _name(self, prefix: str) -> str:
        self._made += 1
        return f"{prefix}_{self._made}"

    def _page(self, checkout_id: str) -> Page:
        session = self.sessions.get(checkout_id)
        if session is None:
            raise ObjectOutOfReach(f"no {checkout_id}")
        ends = session.page.expire_time
        if session.page.state is PageState.OPEN and ends is not None and self.now() >= ends:
            self._set(checkout_id, state=PageState.EXPIRED, url="")
        return self.sessions[checkout_id].page

    def _set(self, checkout_id: str, **changes: Any) -> None:
        session = self.sessions[checkout_id]
        session.page = replace(session.page, **changes)

    def _standing(self, subscription_id: str) -> Standing:
        if subscription_id not in self.subscriptions:
            raise ObjectOutOfReach(f"no {subscription_id}")
        return self.subscriptions[subscription_id]


def _billed(
    view: SubscriptionView, items: Sequence[Sequence[Any]], currency: str, prices: dict[str, int]
) -> Standing:
    bought = tuple(
        Item(price, quantity, Money(currency, prices[price] * quantity))
        for price, quantity in items
    )
    standing = tuple(
        StandingItem(f"si_{item.price_id}", item.price_id, item.quantity) for item in bought
    )
    return Standing(replace(view, items=bought), standing)


def _plain(marker: Marker) -> list[str]:
    return [marker.operation_id, marker.deployment, marker.account_id]


def _marker(parameters: Parameters) -> Marker | None:
    told = cast("Mapping[str, Any]", parameters)["marker"]
    return None if told is None else Marker(*told)
