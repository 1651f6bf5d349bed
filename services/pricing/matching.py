"""Whether what is to be made is what was priced. Pure."""

from collections.abc import Sequence
from decimal import Decimal

from services.pricing.canonical import plain
from services.pricing.costing import Resource
from services.pricing.errors import QuoteSpecMismatch
from services.pricing.kinds import Derived
from services.pricing.objects import CustomObject, QuotedObject

_SIZES = ("cpu", "memory", "storage")


def require_bound(quote: str, bound: QuotedObject, made: CustomObject) -> None:
    """Let an object pass that a quote is bound to; QuoteSpecMismatch names the first difference.

    What the quote leaves open, an empty namespace or name, is any.
    """
    for field, quoted, asked, closed in (
        ("apiVersion", bound.api_version, made.api_version, True),
        ("kind", bound.kind, made.kind, True),
        ("metadata.namespace", bound.namespace, made.namespace, bound.namespace != ""),
        ("metadata.name", bound.name, made.name, bound.name != ""),
    ):
        if closed and quoted != asked:
            raise mismatch(quote, field, quoted, asked)


def require_covered(
    quote: str, quoted: Sequence[Resource], asked: Sequence[tuple[Derived, Resource]]
) -> bool:
    """Let resources pass that need no more than was quoted; tell whether they are the same.

    Those of a type are compared in their order. QuoteSpecMismatch names the first size that is
    larger than what was quoted, or the first resource that was not quoted at all.
    """
    left: dict[str, list[Resource]] = {}
    for one in quoted:
        left.setdefault(one.type, []).append(one)
    same = len(quoted) == len(asked)
    for derived, needed in asked:
        of_type = left.get(needed.type)
        if not of_type:
            raise mismatch(quote, derived.at, "nothing", f"one more {needed.type}")
        priced = of_type.pop(0)
        for name in _SIZES:
            _require_at_most(
                quote, derived.origins[name], getattr(priced, name), getattr(needed, name)
            )
        _require_at_most(
            quote, derived.origins["replicas"], Decimal(priced.replicas), Decimal(needed.replicas)
        )
        same = same and priced == needed
    return same


def mismatch(quote: str, field: str, quoted: str, asked: str) -> QuoteSpecMismatch:
    """Return the refusal that names a field that differs."""
    return QuoteSpecMismatch(
        f"{field}: {asked or 'nothing'} is asked for, and quote {quote} is for"
        f" {quoted or 'nothing'}.",
        metadata={"quote": quote, "field": field, "quoted": quoted, "asked": asked},
    )


def _require_at_most(quote: str, field: str, quoted: Decimal, asked: Decimal) -> None:
    if asked > quoted:
        raise mismatch(quote, field, plain(quoted), plain(asked))
