"""Payments and the provisioner in memory, as far as subscription asks them."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.chassis.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound
from services.chassis.facts import FactRecord
from services.chassis.ids import derived
from services.subscription.incoming import Item, ProviderSubscription
from services.subscription.ports import (
    BilledItem,
    EndMode,
    Page,
    PageOrder,
    PageState,
    Provider,
    Usage,
)

STRIPE = Provider("stripe", "acct_1", checkout=True)


def _nothing(step: str) -> None:
    """No fault."""


@dataclass
class Shop:
    """Payments in memory. ``fault`` is called before and after each effect and may raise."""

    provider: Provider = STRIPE
    fault: Callable[[str], None] = _nothing
    pages: dict[str, Page] = field(default_factory=dict)
    orders: dict[str, PageOrder] = field(default_factory=dict)
    changes: dict[str, tuple[str, tuple[BilledItem, ...]]] = field(default_factory=dict)
    overtaken: set[str] = field(default_factory=set)
    """Requests for changes of what was not billed any more."""
    ends: dict[str, tuple[str, EndMode]] = field(default_factory=dict)
    refunds: dict[str, str] = field(default_factory=dict)
    unpaid: set[str] = field(default_factory=set)
    """Checkouts for which nothing was charged."""
    states: dict[str, tuple[ProviderSubscription, int]] = field(default_factory=dict)
    """Subscriptions as the provider has them, with their revisions."""
    refreshed: list[str] = field(default_factory=list)
    gave_way: dict[str, tuple[str, str, datetime, str]] = field(default_factory=dict)
    """Account, subscription, time and reason by request."""

    async def get_provider(self) -> Provider:
        """Return the provider that is on."""
        await asyncio.sleep(0)
        return self.provider

    async def create_checkout(self, order: PageOrder) -> Page:
        """Make a page, once for a key; a page for something else is shut."""
        await self._begin("checkout")
        known = self.orders.get(order.request_id)
        if known is not None and known != order:
            raise InvalidArgument("another page", reason="IDEMPOTENCY_KEY_REUSED")
        checkout_id = derived("cs", order.request_id)
        if known is None:
            page = self._open_for_the_same(order)
            if page is not None:
                return page
            self._shut(order.account)
            self.orders[order.request_id] = order
            self.pages[checkout_id] = Page(
                operation=derived("op", order.request_id),
                checkout_id=checkout_id,
                account=order.account,
                quote=order.quote,
                state=PageState.OPEN,
                url=f"https://pay.example/{checkout_id}",
                expire_time=order.expire_time,
                subtotal=order.subtotal,
            )
        self.fault("checkout made")
        return self.pages[checkout_id]

    def _open_for_the_same(self, order: PageOrder) -> Page | None:
        for made in self.orders.values():
            page = self.pages[derived("cs", made.request_id)]
            if _sold(made) == _sold(order) and page.state is PageState.OPEN:
                return page
        return None

    def _shut(self, account: str) -> None:
        for name, page in self.pages.items():
            if page.account == account and page.state is PageState.OPEN:
                self.pages[name] = replace(page, state=PageState.EXPIRED, url="")

    def pay(self, checkout_id: str, sub: str = "") -> Page:
        """Let somebody pay a page."""
        page = replace(
            self.pages[checkout_id],
            state=PageState.COMPLETE,
            paid=True,
            url="",
            provider_subscription_id=sub,
        )
        self.pages[checkout_id] = page
        return page

    async def get_checkout(self, account: str, checkout_id: str) -> Page:
        """Return a page of the account."""
        await self._begin("get")
        page = self.pages.get(checkout_id)
        if page is None or page.account != account:
            raise NotFound("there is no such page", reason="UNKNOWN_CHECKOUT")
        return page

    async def portal(self, account: str, return_url: str, customer_id: str) -> str:
        """Return a portal for a customer that is known."""
        await self._begin("portal")
        if not customer_id:
            raise FailedPrecondition("nobody paid yet", reason="NO_CUSTOMER")
        return f"https://portal.example/{customer_id}"

    async def change(
        self,
        account: str,
        provider_subscription_id: str,
        items: Sequence[BilledItem],
        request_id: str,
        held: Sequence[BilledItem] = (),
    ) -> None:
        """Make a change, once for a key, unless something else than what is held is billed."""
        await self._begin("change")
        asked = (provider_subscription_id, tuple(items))
        if self.changes.get(request_id, asked) != asked:
            raise InvalidArgument("another change", reason="IDEMPOTENCY_KEY_REUSED")
        if request_id in self.overtaken:
            raise Aborted("changed meanwhile", reason="SUBSCRIPTION_CHANGED")
        if request_id not in self.changes:
            self._change(provider_subscription_id, items, request_id, held)
        self.fault("change made")

    def _change(
        self, name: str, items: Sequence[BilledItem], request_id: str, held: Sequence[BilledItem]
    ) -> None:
        seen, revision = self.states[name]
        billed = {BilledItem(item.price_id, item.quantity) for item in seen.items}
        if held and billed != set(held):
            self.overtaken.add(request_id)
            raise Aborted("changed meanwhile", reason="SUBSCRIPTION_CHANGED")
        self.changes[request_id] = (name, tuple(items))
        now = tuple(Item(item.price_id, item.quantity) for item in items)
        self.states[name] = (replace(seen, items=now), revision + 1)

    async def end(
        self, account: str, provider_subscription_id: str, mode: EndMode, request_id: str
    ) -> None:
        """Note an end, once for a key."""
        await self._begin("end")
        self.ends[request_id] = (provider_subscription_id, mode)
        self.fault("end made")

    async def refund(self, checkout_id: str, reason: str, request_id: str) -> str:
        """Give money back, once for a key."""
        await self._begin("refund")
        if checkout_id in self.unpaid:
            raise FailedPrecondition("nothing was charged", reason="NOTHING_TO_REFUND")
        self.refunds.setdefault(request_id, checkout_id)
        self.fault("refund made")
        return derived("re", request_id)

    async def give_way(
        self,
        account: str,
        provider_subscription_id: str,
        paid_since: datetime,
        reason: str,
        request_id: str,
    ) -> str:
        """End a subscription and give money back, once for a key."""
        await self._begin("give way")
        asked = (account, provider_subscription_id, paid_since, reason)
        if self.gave_way.setdefault(request_id, asked) != asked:
            raise InvalidArgument("another one", reason="IDEMPOTENCY_KEY_REUSED")
        self.fault("way given")
        return derived("re", request_id)

    def show(self, seen: ProviderSubscription, revision: int) -> None:
        """Have a subscription be so from now on, unless what is shown is newer."""
        known = self.states.get(seen.provider_subscription_id)
        if known is None or known[1] < revision:
            self.states[seen.provider_subscription_id] = (seen, revision)

    async def refresh(self, provider_subscription_id: str) -> FactRecord:
        """Return the state of a subscription; its payload is its id, ``states`` has the rest."""
        await self._begin("refresh")
        self.refreshed.append(provider_subscription_id)
        if provider_subscription_id not in self.states:
            raise NotFound("the provider shows none", reason="UNKNOWN_SUBSCRIPTION")
        _, revision = self.states[provider_subscription_id]
        name = ProviderSubscription.__name__
        return FactRecord(
            derived("fct", name, provider_subscription_id, str(revision)),
            f"key:{provider_subscription_id}",
            revision,
            f"tollgate.payments.v1.{name}",
            provider_subscription_id.encode(),
        )

    async def _begin(self, step: str) -> None:
        await asyncio.sleep(0)
        if not self.provider.checkout:
            raise FailedPrecondition("no provider is on", reason="PROVIDER_OFF")
        self.fault(step)


def _sold(order: PageOrder) -> PageOrder:
    """Return what makes two pages the same to the person who pays."""
    return replace(order, request_id="", email="", identity={}, customer_id="")


@dataclass
class Cluster:
    """The provisioner in memory: what organizations use, or what it answers instead."""

    used: dict[str, dict[str, str]] = field(default_factory=dict)
    refusal: Exception | None = None

    async def organization_usage(self, organization: str) -> Usage:
        """Return what is in use."""
        await asyncio.sleep(0)
        if self.refusal is not None:
            raise self.refusal
        if organization not in self.used:
            raise NotFound("there is no such organization", reason="ORGANIZATION_NOT_FOUND")
        return Usage(self.used[organization])
