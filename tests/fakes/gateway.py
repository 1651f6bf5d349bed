"""The services as the gateway sees them, in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from gateway.ports import (
    AccountKind,
    AddonQuantity,
    Change,
    Deployment,
    DeploymentCost,
    Entitlement,
    Held,
    IngestAnswer,
    Ingested,
    ObjectWish,
    Offer,
    PaymentPage,
    PlaceOffer,
    Provider,
    Purchase,
    Quote,
    QuoteMatch,
    Requirement,
    State,
    Verified,
    VerifiedQuote,
    Webhook,
)
from gateway.ports.notices import BudgetNotice
from gateway.ports.sources import CatalogSource
from services.chassis.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Refusal,
)
from services.chassis.identity import Principal, current, current_or_none
from services.chassis.quantities import parse

STRIPE = Provider("stripe", checkout=True, portal=True, webhooks=True, addons=True)
NO_PROVIDER = Provider("none", checkout=False, portal=False, webhooks=False, addons=False)
NOW = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)


@dataclass
class MemoryPayments:
    """Stores each body once, as payments does by event id."""

    stored: list[Webhook] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    decide: Callable[[Webhook], IngestAnswer] | None = None
    callers: list[Principal | None] = field(default_factory=list)
    on: Provider = STRIPE

    async def ingest(self, webhooks: Sequence[Webhook]) -> Sequence[IngestAnswer]:
        """Store what is new."""
        self.batches.append(len(webhooks))
        return [self._one(webhook) for webhook in webhooks]

    async def provider(self) -> Provider:
        """Return the provider that is on, everything of Stripe unless the test says otherwise."""
        self.callers.append(current_or_none())
        return self.on

    def _one(self, webhook: Webhook) -> IngestAnswer:
        if self.decide is not None:
            return self.decide(webhook)
        if any(known.body == webhook.body for known in self.stored):
            return IngestAnswer(Ingested.DUPLICATE)
        self.stored.append(webhook)
        return IngestAnswer(Ingested.STORED)


@dataclass
class MemoryPricing:
    """Plans and add-ons by catalog; every deployment has the price of ``quoted``."""

    plan_offers: dict[str, list[Offer]] = field(default_factory=dict)
    addon_offers: dict[str, list[Offer]] = field(default_factory=dict)
    quoted: Quote | None = None
    refusal: Refusal | None = None
    offers: Sequence[PlaceOffer] = ()
    asked: list[tuple[Deployment, str, Principal]] = field(default_factory=list)
    compared: list[tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)
    objects: list[tuple[ObjectWish, Deployment, str]] = field(default_factory=list)
    signed: dict[str, VerifiedQuote] = field(default_factory=dict)
    keys: Sequence[Mapping[str, str]] = ()
    told_by: Sequence[CatalogSource] = ()

    async def catalog_sources(self) -> Sequence[CatalogSource]:
        """Return the sources that are set."""
        if self.refusal is not None:
            raise self.refusal
        return self.told_by

    async def plans(self, catalog: str) -> Sequence[Offer]:
        """Return a catalog's plans."""
        return self.plan_offers.get(catalog, [])

    async def addons(self, catalog: str) -> Sequence[Offer]:
        """Return a catalog's add-ons."""
        return self.addon_offers.get(catalog, [])

    async def capacity(
        self, plan: str, addons: Sequence[AddonQuantity], catalog_version: str
    ) -> Mapping[str, str]:
        """Add the add-ons' quotas to the plan's, in plain units."""
        offers = {one.name: one for some in self.plan_offers.values() for one in some}
        extras = {one.name: one for some in self.addon_offers.values() for one in some}
        if plan not in offers:
            raise NotFound(f"no plan {plan}", reason="UNKNOWN_PLAN")
        total = {name: parse(text) for name, text in offers[plan].quota.items()}
        for addon in addons:
            if addon.addon not in extras:
                raise NotFound(f"no add-on {addon.addon}", reason="UNKNOWN_ADDON")
            for name, text in extras[addon.addon].quota.items():
                total[name] += parse(text) * addon.quantity
        return {name: f"{amount:f}" for name, amount in total.items()}

    async def quote(self, deployment: Deployment, request_id: str) -> Quote:
        """Note what was asked, and answer the price that is set."""
        self.asked.append((deployment, request_id, current()))
        if self.refusal is not None:
            raise self.refusal
        assert self.quoted is not None
        return self.quoted

    async def price(self, deployment: Deployment) -> DeploymentCost:
        """Answer the price that is set; nothing refuses to price what cannot be quoted."""
        self.asked.append((deployment, "", current()))
        assert self.quoted is not None
        return self.quoted

    async def compare(
        self, deployment: Deployment, clouds: Sequence[str], regions: Sequence[str]
    ) -> Sequence[PlaceOffer]:
        """Note what was asked, and answer the offers that are set."""
        self.asked.append((deployment, "", current()))
        self.compared.append((tuple(clouds), tuple(regions)))
        if self.refusal is not None:
            raise self.refusal
        return self.offers

    async def quote_object(self, wish: ObjectWish, rest: Deployment, request_id: str) -> Quote:
        """Note what was asked, and answer the price that is set."""
        self.objects.append((wish, rest, request_id))
        if self.refusal is not None:
            raise self.refusal
        assert self.quoted is not None
        return self.quoted

    async def price_object(self, wish: ObjectWish, rest: Deployment) -> DeploymentCost:
        """Answer the price that is set; nothing refuses to price what cannot be quoted."""
        self.objects.append((wish, rest, ""))
        assert self.quoted is not None
        return self.quoted

    async def match(self, quote: str, wish: ObjectWish) -> QuoteMatch:
        """Everything matches the quote that is set, unless something is to be refused."""
        self.objects.append((wish, Deployment(()), quote))
        if self.refusal is not None:
            raise self.refusal
        return QuoteMatch(exact=True, spec_hash="sha256:1")

    async def verify(self, signature: str) -> VerifiedQuote:
        """Return what a known signature says."""
        if signature not in self.signed:
            raise InvalidArgument("It does not hold.", reason="QUOTE_SIGNATURE_REFUSED")
        return self.signed[signature]

    async def quote_keys(self) -> Sequence[Mapping[str, str]]:
        """Return the keys that are set."""
        return self.keys


@dataclass
class MemorySubscription:
    """Accounts with what they hold; people see and change as subscription lets them.

    ``refusal`` is what the next purchase, change or end is answered with. Changes show at once,
    as after the provider's webhook.
    """

    plans: frozenset[str] = frozenset()
    addon_names: frozenset[str] = frozenset()
    accounts: dict[tuple[AccountKind, str], str] = field(default_factory=dict)
    emails: dict[str, str] = field(default_factory=dict)
    held: dict[str, list[Held]] = field(default_factory=dict)
    pages: dict[str, tuple[str, Purchase]] = field(default_factory=dict)
    paid: dict[str, Verified] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    ends: dict[str, tuple[str, bool]] = field(default_factory=dict)
    portals: list[tuple[str, str]] = field(default_factory=list)
    validated: list[Change] = field(default_factory=list)
    required: list[Requirement] = field(default_factory=list)
    entitled: Entitlement | None = None
    refusal: Refusal | None = None
    noticed: Sequence[BudgetNotice] = ()

    async def visible_accounts(self, most: int) -> Sequence[str]:
        """Return the first accounts that the actor may see."""
        return [name for ref, name in self.accounts.items() if self._sees(*ref)][:most]

    async def budget_notices(self, account: str) -> Sequence[BudgetNotice]:
        """Return what stands of an account's budgets."""
        if not any(name == account and self._sees(*ref) for ref, name in self.accounts.items()):
            raise NotFound(f"There is no account {account}.", reason="UNKNOWN_ACCOUNT")
        return [one for one in self.noticed if one.account == account]

    async def find_account(self, kind: AccountKind, external_id: str) -> str:
        """Return an account that the actor may see."""
        account = self.accounts.get((kind, external_id), "")
        return account if self._sees(kind, external_id) else ""

    async def ensure_account(self, kind: AccountKind, external_id: str, email: str) -> str:
        """Return an account, made if it does not stand."""
        if not self._sees(kind, external_id):
            raise PermissionDenied("You may only make your own account.", reason="NOT_YOURS")
        account = self.accounts.setdefault((kind, external_id), f"acc_{len(self.accounts) + 1}")
        self.emails.setdefault(account, email)
        return account

    async def subscriptions(self, account: str) -> Sequence[Held]:
        """Return what an account holds."""
        return list(self.held.get(account, []))

    async def buy(self, purchase: Purchase) -> PaymentPage:
        """Make a page, or return the one that was made for the same."""
        self.keys.append(purchase.request_id)
        self._check(purchase.plan, purchase.addons)
        for session, (_, known) in self.pages.items():
            if replace(known, request_id="") == replace(purchase, request_id=""):
                return _page(session)
        session = f"cs_{len(self.pages) + 1}"
        self.pages[session] = (purchase.account, purchase)
        return _page(session)

    async def change(self, change: Change) -> Held:
        """Change what is held."""
        if change.plan or change.addons:
            self._check(change.plan, change.addons or ())
        if change.validate_only:
            self.validated.append(change)
        else:
            self.keys.append(change.request_id)
        account, held = self._find(change.subscription)
        plan = change.plan or held.plan
        addons = held.addons if change.addons is None else tuple(change.addons)
        counts = {one.addon: one.quantity for one in addons}
        for addon, units in change.addon_changes.items():
            if units > 0:
                self._check("", [AddonQuantity(addon, units)])
            counts[addon] = counts.get(addon, 0) + units
            if counts[addon] < 0:
                raise NotFound("not held", reason="ADDON_NOT_HELD")
        addons = tuple(AddonQuantity(name, count) for name, count in counts.items() if count)
        changed = replace(held, plan=plan, plan_display_name="", addons=addons)
        if not change.validate_only:
            self._put(account, changed)
        return changed

    async def cancel(self, subscription: str, *, now: bool, request_id: str) -> Held:
        """End what is held, once for each key; what is over cannot be ended under another."""
        self.keys.append(request_id)
        if self.refusal is not None:
            raise self.refusal
        account, held = self._find(subscription)
        before, asked = self.ends.get(request_id), (subscription, now)
        if before not in (None, asked):
            text = "The key was used for another request."
            raise InvalidArgument(text, reason="IDEMPOTENCY_KEY_REUSED")
        if before is None and held.state in (State.CANCELED, State.EXPIRED):
            raise FailedPrecondition("It is over.", reason="SUBSCRIPTION_OVER")
        if request_id:
            self.ends[request_id] = asked
        changed = replace(held, state=State.CANCELED if now else State.CANCELING)
        self._put(account, changed)
        return changed

    async def verify(self, account: str, checkout_id: str) -> Verified:
        """Say what became of an account's page; only people ask."""
        current()
        owner, purchase = self.pages.get(checkout_id, ("", None))
        if not purchase or owner != account:
            raise NotFound(f"There is no payment page {checkout_id!r}.", reason="UNKNOWN_CHECKOUT")
        return self.paid.get(checkout_id, Verified(False, State.INCOMPLETE, ""))

    async def portal(self, account: str, return_url: str) -> str:
        """Open a portal."""
        self.portals.append((account, return_url))
        return "https://portal.example/p_1"

    async def entitlement(self, requirement: Requirement) -> Entitlement:
        """Answer what is set."""
        self.required.append(requirement)
        if self.refusal is not None:
            raise self.refusal
        assert self.entitled is not None
        return self.entitled

    def _sees(self, kind: AccountKind, external_id: str) -> bool:
        actor = current_or_none()
        if actor is None or actor.is_platform_admin:
            return True
        own = kind is AccountKind.USER and external_id == actor.subject
        organization = kind is AccountKind.ORGANIZATION and external_id == actor.organization
        return own or (organization and actor.is_org_admin)

    def _check(self, plan: str, addons: Sequence[AddonQuantity]) -> None:
        if self.refusal is not None:
            raise self.refusal
        if plan and plan not in self.plans:
            raise NotFound(f"no plan {plan}", reason="UNKNOWN_PLAN", metadata={"plans": "x"})
        for addon in addons:
            if addon.addon not in self.addon_names:
                known = ",".join(sorted(self.addon_names))
                raise NotFound("none", reason="UNKNOWN_ADDON", metadata={"addons": known})

    def _find(self, name: str) -> tuple[str, Held]:
        for account, some in self.held.items():
            for held in some:
                if held.name == name:
                    return account, held
        raise NotFound(f"There is no subscription {name!r}.", reason="UNKNOWN_SUBSCRIPTION")

    def _put(self, account: str, changed: Held) -> None:
        self.held[account] = [
            changed if held.name == changed.name else held for held in self.held[account]
        ]


def _page(session: str) -> PaymentPage:
    url = f"https://pay.example/{session}"
    return PaymentPage("quo_1", session, url, NOW + timedelta(hours=2))


def exceeds(**in_the_way: str) -> FailedPrecondition:
    """Return the refusal of a plan that is smaller than what is used."""
    listed = ", ".join(f"{name} {text}" for name, text in in_the_way.items())
    return FailedPrecondition(
        f"More is in use than the plan would allow: {listed}.",
        reason="USAGE_EXCEEDS_PLAN",
        metadata=in_the_way,
    )
