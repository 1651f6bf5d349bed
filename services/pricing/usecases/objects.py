"""What custom resources cost, and whether one is what a quote was given for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from services.chassis.errors import FieldViolation, InvalidArgument, Violations
from services.pricing.costing import Cost, Deployment, DeploymentRequest, calculate, checked
from services.pricing.domain import Catalog
from services.pricing.errors import UnknownKind
from services.pricing.kinds import Derived, KindRule, derive
from services.pricing.matching import mismatch, require_bound, require_covered
from services.pricing.objects import CustomObject, ObjectRequest, QuotedObject, checked_object
from services.pricing.ports import CatalogStore, PricingTransactions, Store
from services.pricing.quotes import DeploymentQuote
from services.pricing.rates import RateCard
from services.pricing.usecases.asking import Asker
from services.pricing.usecases.prices import PriceDesk, card_of, standing_of
from services.pricing.usecases.quotes_found import find_quote


@dataclass(frozen=True, slots=True)
class Read:
    """An object, what its kind's rule derived, and how a quote is bound to it."""

    object: CustomObject
    derived: Sequence[Derived]
    bound: QuotedObject

    def deployment(self, asked: DeploymentRequest) -> DeploymentRequest:
        """Return what is asked for, of the derived resources; InvalidArgument if it has its own."""
        if asked.resources:
            bad = Violations()
            bad.add("deployment.resources", "expected none: the object's spec says them")
            bad.raise_if_any()
        return replace(asked, resources=[one.request for one in self.derived])

    def checked(self, card: RateCard, asked: DeploymentRequest, today: date | None) -> Deployment:
        """Return what is to be priced; InvalidArgument names bad sizes by their paths."""
        try:
            return checked(card, asked, today)
        except InvalidArgument as wrong:
            raise _named(wrong, self.derived) from None


@dataclass(frozen=True, slots=True)
class PricedObject:
    """What an object costs."""

    deployment: Deployment
    cost: Cost
    bound: QuotedObject


@dataclass(frozen=True, slots=True)
class Match:
    """An object is what was quoted; not ``exact`` where it needs less, or differs for nothing."""

    exact: bool
    spec_hash: str


async def price_object(
    desk: PriceDesk,
    asker: Asker,
    asked: ObjectRequest,
    rest: DeploymentRequest,
    *,
    catalog: str = "",
    account: str = "",
) -> PricedObject:
    """Return what an object costs an account, the asker's own unless another is named.

    InvalidArgument names every bad field at once; UnknownKind, NotYourAccount.
    """
    account = asker.account(account)
    made = checked_object(asked)

    async def read(store: Store) -> Read:
        return await read_object(store, made, catalog)

    found = await desk.tx.single(read)
    wanted = found.deployment(rest)
    card = await desk.card_in_force()
    tier, today = await standing_of(desk.tx, card, account, wanted)
    deployment = found.checked(card, wanted, today)
    return PricedObject(deployment, calculate(card, deployment, tier), found.bound)


async def match_quote(
    tx: PricingTransactions, asker: Asker, name: str, asked: ObjectRequest, catalog: str = ""
) -> Match:
    """Let an object pass that is what a quote was given for.

    QuoteSpecMismatch names the field that differs; UnknownQuote, UnknownKind, InvalidArgument.
    """
    made = checked_object(asked)

    async def judge(store: Store) -> Match:
        quote = (await find_quote(store, asker, name)).stored.quote
        if not isinstance(quote.subject, DeploymentQuote):
            raise mismatch(name, "kind", "a plan", made.kind)
        bound = quote.subject.object
        if bound is not None:
            require_bound(name, bound, made)
        found = await read_object(store, made, catalog, bound)
        sized = found.checked(await card_of(store), found.deployment(DeploymentRequest([])), None)
        pairs = list(zip(found.derived, sized.resources, strict=True))
        same = require_covered(name, quote.subject.deployment.resources, pairs)
        unchanged = bound is None or bound.spec_hash == made.spec_hash
        return Match(same and unchanged, made.spec_hash)

    return await tx.run(judge)


async def read_object(
    store: CatalogStore, made: CustomObject, catalog: str, bound: QuotedObject | None = None
) -> Read:
    """Derive what an object is billed by; ``bound`` says which version of which catalog's rule.

    UnknownKind, InvalidArgument.
    """
    if bound is not None:
        kept = await store.version(bound.catalog, bound.catalog_version)
        candidates = [kept] if kept is not None else []
    else:
        candidates = [entry.catalog for entry in await store.active()]
    owner, rule = _rule(candidates, made, catalog)
    return Read(
        made,
        derive(rule, made.spec),
        QuotedObject(
            made.api_version,
            made.kind,
            made.namespace,
            made.name,
            made.spec_hash,
            owner.name,
            owner.version,
        ),
    )


def _rule(catalogs: Sequence[Catalog], made: CustomObject, wanted: str) -> tuple[Catalog, KindRule]:
    found = [
        (catalog, rule)
        for catalog in catalogs
        for rule in catalog.kinds.values()
        if (rule.api_version, rule.kind) == (made.api_version, made.kind)
        if wanted in ("", catalog.name)
    ]
    if not found:
        known = sorted({rule.kind for catalog in catalogs for rule in catalog.kinds.values()})
        raise UnknownKind(
            f"No catalog in force prices {made.kind} of {made.api_version};"
            f" there are {', '.join(known) or 'none'}.",
            metadata={"kind": made.kind, "kinds": ",".join(known)},
        )
    if len(found) > 1:
        bad = Violations()
        names = ", ".join(catalog.name for catalog, _ in found)
        bad.add("catalog", f"name one of {names}: each prices {made.kind}")
        bad.raise_if_any()
    return found[0]


def _named(wrong: InvalidArgument, derived: Sequence[Derived]) -> InvalidArgument:
    """Return the refusal with the paths of the spec instead of places among the resources."""
    paths = {
        f"resources[{place}].{name}": one.origins[name]
        for place, one in enumerate(derived)
        for name in one.origins
    }
    bad = [FieldViolation(paths.get(one.field, one.field), one.description) for one in wrong.fields]
    sentence = "; ".join(f"{one.field}: {one.description}" for one in bad)
    return InvalidArgument(sentence, fields=bad, reason=wrong.reason)
