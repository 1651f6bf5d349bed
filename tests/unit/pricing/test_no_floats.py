"""No price ever is a float: neither in the code that makes it, nor in what comes out."""

import ast
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from services.pricing.costing import ComparisonRequest, DeploymentRequest, comparison, offer_at
from services.pricing.rates import Upfront
from tests.unit.pricing.rate_cards import CARD, TODAY, cost_of, term, web

PRICING = Path("services/pricing")
# These hold the seconds between two looks, or read other people's files: no price is made there.
APART = frozenset({"worker", "worker.py", "servicer.py", "config.py", "sources", "costs"})
PRICED_BY = sorted(
    path for path in PRICING.rglob("*.py") if path.relative_to(PRICING).parts[0] not in APART
)


def floats_in(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float | complex)
        named = isinstance(node, ast.Name) and node.id == "float"
        divided = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        if (literal or named) and isinstance(node, ast.expr):
            yield node.lineno
        # Paths and fractions are divided; whole numbers would become floats.
        if divided and isinstance(node, ast.BinOp):
            whole = isinstance(node.left, ast.Constant) and isinstance(node.right, ast.Constant)
            if whole:
                yield node.lineno


@pytest.mark.parametrize("path", PRICED_BY, ids=str)
def test_no_module_that_prices_names_a_float(path: Path) -> None:
    assert list(floats_in(ast.parse(path.read_text()))) == []


def test_the_check_sees_what_it_looks_for() -> None:
    assert len(PRICED_BY) > 25
    for text in ("0.1", "float('1')", "x: float = 1", "1 / 2", "2.0 * 3"):
        assert list(floats_in(ast.parse(text)))


def everything_in(value: object) -> Iterator[object]:
    yield value
    if is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            yield from everything_in(getattr(value, one.name))
    elif isinstance(value, tuple | list | set | frozenset):
        for each in value:
            yield from everything_in(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from everything_in(key)
            yield from everything_in(each)


def test_nothing_that_comes_out_is_a_float_or_a_fraction() -> None:
    asked = DeploymentRequest(
        [web("33.3", "1.5", "150.25", 3)],
        backup_plan="basic",
        features=("monitoring", "ssl"),
        commitment=term(1, Upfront.PARTIAL),
        coupon="LAUNCH20",
    )
    cost = cost_of(asked, "partner")
    assert len(cost.discounts) >= 4
    compared = comparison(CARD, ComparisonRequest(asked), TODAY)
    offers = [offer_at(CARD, compared.deployment, place) for place in compared.places]
    seen = list(everything_in([CARD, cost, compared, offers]))
    assert len(seen) > 200
    assert not [one for one in seen if isinstance(one, float | complex | Fraction)]
