"""What custom resources cost, and whether one is what a quote was given for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from services.chassis.errors import FieldViolation, Violations
from services.pricing.costing import (
    Cost,
    Deployment,
    DeploymentRequest,
    calculate,
    judged,
    place_of,
)
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
    """An object, what its kind's rule derived, and how a quote is bound to it.

    ``wrong`` is what the rule could not read of its spec.
    """

    object: CustomObject
    derived: Sequence[Derived]
    bound: QuotedObject
    wrong: tuple[FieldViolation, ...] = ()

    def checked(self, card: RateCard, asked: DeploymentRequest, today: date | None) -> Deployment:
        """Return what is to be priced, of the derived resources.

        InvalidArgument names every bad field at once, those of the spec by their paths.
        """
        found, bad = Violations(), Violations()
        place = place_of(card, asked, found)
        resources = [one.request for one in self.derived]
        deployment = judged(card, place, asked._replace(resources=resources), today, found)
        if asked.resources:
            bad.add("resources", "expected none: the object's spec says them")
        for one in (*self.wrong, *self._named(found)):
            bad.add(one.field, one.description)
        bad.raise_if_any()
        return deployment

    def _named(self, bad: Violations) -> Iterator[FieldViolation]:
        """Return what is wrong by the paths of the spec instead of places among the resources."""
        paths = {
            f"resources[{place}].{name}": one.origins[name]
            for place, one in enumerate(self.derived)
            for name in one.origins
        }
        known = {one.field for one in self.wrong}
        for one in bad.found:
            field = paths.get(one.field, one.field)
            # That nothing was derived has been said, and so has what was no size at all.
            if field != "resources" and field not in known:
                yield FieldViolation(field, one.description)


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
    card = await desk.card_in_force()
    tier, today = await standing_of(desk.tx, card, account, rest)
    deployment = found.checked(card, rest, today)
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
        sized = found.checked(await card_of(store), DeploymentRequest([]), None)
        pairs = list(zip(found.derived, sized.resources, strict=True))
        same = require_covered(name, quote.subject.deployment.resources, pairs)
        unchanged = bound is None or bound.spec_hash == made.spec_hash
        return Match(same and unchanged, made.spec_hash)

    return await tx.run(judge)


async def read_object(
    store: CatalogStore, made: CustomObject, catalog: str, bound: QuotedObject | None = None
) -> Read:
    """Derive what an object is billed by; ``bound`` says which version of which catalog's rule.

    UnknownKind, InvalidArgument where several catalogs have one and none is named.
    """
    if bound is not None:
        kept = await store.version(bound.catalog, bound.catalog_version)
        candidates = [kept] if kept is not None else []
    else:
        candidates = [entry.catalog for entry in await store.active()]
    owner, rule = _rule(candidates, made, catalog)
    bad = Violations()
    return Read(
        made,
        derive(rule, made.spec, bad),
        QuotedObject(
            made.api_version,
            made.kind,
            made.namespace,
            made.name,
            made.spec_hash,
            owner.name,
            owner.version,
        ),
        bad.found,
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
