"""Prices, and the quotes that keep them."""

from collections.abc import Sequence
from datetime import timedelta

from services.chassis.errors import (
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    NotFound,
    Violations,
)
from services.chassis.ids import Ids
from services.chassis.money import Money
from services.pricing.changes import Change
from services.pricing.claims import Verified, claims_of
from services.pricing.costing import DeploymentRequest, calculate, checked
from services.pricing.errors import (
    CloudNotSold,
    InstalmentsNotSold,
    NotYourQuote,
    PaymentRequired,
    QuoteExpired,
    QuoteSignatureRefused,
    QuoteTaken,
    UnknownAddon,
    UnknownCatalog,
    UnknownPlan,
)
from services.pricing.objects import checked_object
from services.pricing.ports import PricingTransactions, QuoteSigner, Store
from services.pricing.quotes import (
    LONGEST_LIFETIME,
    SHORTEST_LIFETIME,
    DeploymentQuote,
    PlanQuote,
    PlanSelection,
    Quote,
    QuoteRequest,
    QuoteState,
    Shown,
    above,
    plan_quote,
    subtotal_of,
    weight_of,
)
from services.pricing.rates import RateCard, Upfront
from services.pricing.tiers import LONGEST_NAME
from services.pricing.usecases.asking import Asker
from services.pricing.usecases.catalogs import plan_with_addons
from services.pricing.usecases.objects import Read, read_object
from services.pricing.usecases.prices import card_of
from services.pricing.usecases.quotes_found import find_quote

_RPC = "CreateQuote"


async def create_quote(
    tx: PricingTransactions, ids: Ids, asker: Asker, asked: QuoteRequest
) -> Shown:
    """Price what is asked for and keep the price; the same key gives the same quote back.

    InvalidArgument, also for a plan or an add-on that is not known, PlanNotSold, NotYourQuote,
    InstalmentsNotSold, CloudNotSold; with an object UnknownKind.
    """
    wrong = _wrong(asked)
    if wrong:
        await tx.run(lambda store: _refuse(store, asker, asked, wrong))
    owner = _owner(asker, asked)

    async def act(store: Store) -> Shown:
        async def produce() -> str:
            quote = await _priced(store, ids.new("quo"), owner, asker, asked)
            await store.add_quote(quote)
            change = Change(asker.subject, "quote.create", quote.name, owner, asker.trace_id)
            await store.audit(change)
            return quote.name

        name = await store.once(asker.subject, _RPC, asked.request_id, asked.request_hash, produce)
        return await find_quote(store, asker, name)

    return await tx.run(act)


async def get_quote(tx: PricingTransactions, asker: Asker, name: str) -> Shown:
    """Return a quote; UnknownQuote also for somebody else's."""

    async def read(store: Store) -> Shown:
        return await find_quote(store, asker, name)

    return await tx.run(read)


async def verify_quote(
    tx: PricingTransactions, signer: QuoteSigner, asker: Asker, signature: str
) -> tuple[Verified, Shown]:
    """Return what a signature says, and the quote as it stands.

    QuoteSignatureRefused also where what is stored says something else: whoever has a key can sign
    anything, and what is stored is what was promised. UnknownQuote also for somebody else's.
    """
    verified = signer.verify(signature)

    async def read(store: Store) -> Shown:
        return await find_quote(store, asker, verified.claims.quote)

    shown = await tx.run(read)
    if claims_of(shown.stored.quote) != verified.claims:
        raise QuoteSignatureRefused(
            "The signature is not of what was promised.",
            metadata={"quote": verified.claims.quote},
        )
    return verified, shown


async def take_quote(
    tx: PricingTransactions, asker: Asker, name: str, taker: str, *, paid: bool
) -> Shown:
    """Give a quote to one taker, who may ask again. QuoteTaken, QuoteExpired, PaymentRequired.

    What is taken unpaid is judged again, under the owner's lock: several quotes that were each
    below the threshold are not below it together.
    """
    bad = Violations()
    if not 1 <= len(taker) <= LONGEST_NAME:
        bad.add("taker", f"expected 1 to {LONGEST_NAME} characters")
    bad.raise_if_any()

    async def act(store: Store) -> Shown:
        shown = await find_quote(store, asker, name)
        await store.lock_owner(shown.stored.quote.owner)
        shown = await find_quote(store, asker, name)
        if shown.stored.taker == taker:
            return shown
        await _require_takeable(store, shown, paid=paid)
        if not await store.take_quote(name, taker, paid=paid):
            raise QuoteTaken(f"Quote {name} was taken.", metadata={"quote": name})
        await store.audit(Change(asker.subject, "quote.take", name, taker, asker.trace_id))
        return await find_quote(store, asker, name)

    return await tx.run(act)


async def forget_answers(tx: PricingTransactions) -> int:
    """Forget idempotency keys that are past their time; return how many."""
    return await tx.run(lambda store: store.forget_answers())


async def _require_takeable(store: Store, shown: Shown, *, paid: bool) -> None:
    quote, state = shown.stored.quote, shown.state
    if state is QuoteState.TAKEN:
        raise QuoteTaken(f"Quote {quote.name} was taken.", metadata={"quote": quote.name})
    if state is QuoteState.EXPIRED:
        raise QuoteExpired(
            f"Quote {quote.name} expired at {quote.expire_time.isoformat(timespec='seconds')}.",
            metadata={"quote": quote.name},
        )
    if paid:
        return
    if isinstance(quote.subject, PlanQuote) or await _must_be_paid(
        store, await card_of(store), quote.owner, quote.subject
    ):
        raise PaymentRequired(
            f"{quote.amount} have to be paid before this is provisioned.",
            metadata={"quote": quote.name, "amount": str(quote.amount)},
        )


async def _must_be_paid(store: Store, card: RateCard, owner: str, subject: DeploymentQuote) -> bool:
    weight = weight_of(subject.cost)
    unpaid = await store.unpaid(owner, weight.currency)
    return above(weight, unpaid, card.threshold(subject.deployment.types))


async def _refuse(
    store: Store, asker: Asker, asked: QuoteRequest, wrong: Sequence[FieldViolation]
) -> None:
    """Raise the refusal of a quote, with what is wrong with what it is for as well."""
    subject: tuple[FieldViolation, ...] = ()
    try:
        await _priced(store, "", asker.subject, asker, asked)
    except (InvalidArgument, FailedPrecondition, NotFound) as refusal:
        subject = refusal.fields
    bad = Violations()
    for one in (*wrong, *subject):
        bad.add(one.field, one.description)
    bad.raise_if_any()


def _wrong(asked: QuoteRequest) -> tuple[FieldViolation, ...]:
    bad = Violations()
    if len(asked.owner) > LONGEST_NAME:
        bad.add("owner", f"expected at most {LONGEST_NAME} characters")
    if asked.lifetime and not SHORTEST_LIFETIME <= asked.lifetime <= LONGEST_LIFETIME:
        bad.add(
            "lifetime_seconds",
            f"expected {SHORTEST_LIFETIME} to {LONGEST_LIFETIME} seconds, or 0",
        )
    if len(asked.request_id) > LONGEST_NAME:
        bad.add("request_id", f"expected at most {LONGEST_NAME} characters")
    if asked.object is not None and isinstance(asked.subject, PlanSelection):
        bad.add("object", "expected none: a plan has no object")
    return bad.found


def _owner(asker: Asker, asked: QuoteRequest) -> str:
    owner = asked.owner or asker.subject
    if owner != asker.subject and not asker.trusted:
        raise NotYourQuote("You may only ask for a quote of your own.")
    return owner


async def _priced(store: Store, name: str, owner: str, asker: Asker, asked: QuoteRequest) -> Quote:
    card = await card_of(store)
    subject: DeploymentQuote | PlanQuote
    if isinstance(asked.subject, PlanSelection):
        subject = await _priced_plan(store, asker, asked.subject)
        amount = weight = subtotal_of(subject)
        required = amount > Money.zero(amount.currency)
    else:
        subject = await _priced_deployment(store, card, owner, asked)
        amount, weight = subject.cost.total, weight_of(subject.cost)
        required = await _must_be_paid(store, card, owner, subject)
    now = await store.now()
    return Quote(
        name=name,
        owner=owner,
        amount=amount,
        weight=weight,
        payment_required=required,
        subject=subject,
        create_time=now,
        expire_time=now + timedelta(seconds=asked.lifetime or card.quote_lifetime),
    )


async def _priced_deployment(
    store: Store, card: RateCard, owner: str, request: QuoteRequest
) -> DeploymentQuote:
    asked, read = await _derived(store, request)
    tier, today = "", None
    if card.account_tiers or asked.coupon:
        standing = await store.standing(owner)
        tier, today = standing.tier, standing.now.date()
    deployment = checked(card, asked, today) if read is None else read.checked(card, asked, today)
    if deployment.cloud != card.cloud:
        # What is provisioned is provisioned here, so it is sold at the prices of here.
        raise CloudNotSold(
            f"Prices of {deployment.cloud} are for comparison; {card.cloud} is sold.",
            metadata={"cloud": deployment.cloud, "sold": card.cloud},
        )
    commitment = deployment.commitment
    if commitment is not None and commitment.upfront is not Upfront.ALL:
        raise InstalmentsNotSold(
            "A commitment is sold here when all of it is paid upfront.",
            metadata={"commitment": commitment.name},
        )
    cost = calculate(card, deployment, tier)
    return DeploymentQuote(deployment, cost, read.bound if read else None)


async def _derived(store: Store, request: QuoteRequest) -> tuple[DeploymentRequest, Read | None]:
    """Return what is asked for, and the object that says its resources if there is one."""
    if isinstance(request.subject, PlanSelection):
        raise TypeError("a plan has no resources")
    if request.object is None:
        return request.subject, None
    read = await read_object(store, checked_object(request.object), request.catalog)
    return request.subject, read


async def _priced_plan(store: Store, asker: Asker, wanted: PlanSelection) -> PlanQuote:
    try:
        catalog, plan, addons = await plan_with_addons(store, wanted.plan, wanted.addons)
    except (UnknownCatalog, UnknownPlan, UnknownAddon) as unknown:
        # What is not found here is a field of the request, and not what the request is about.
        field = "addons" if isinstance(unknown, UnknownAddon) else "plan"
        raise InvalidArgument(
            unknown.message,
            metadata=unknown.metadata,
            fields=[FieldViolation(field, unknown.message)],
            reason=unknown.reason,
        ) from None
    return plan_quote(catalog, plan, addons, wanted, hidden=asker.operator)
