"""No price ever is a float: neither in the code that makes it, nor in what comes out."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from services.pricing.costing import ComparisonRequest, DeploymentRequest, comparison, offer_at
from services.pricing.rates import Upfront
from tests.unit.pricing.rate_cards import CARD, TODAY, cost_of, term, web

PRICING = Path("services/pricing")
MODULES = sorted(PRICING.rglob("*.py"))
# Seconds to wait are floats, by these names; nothing else is.
TIMES = re.compile(r"_?(PAUSE|PATIENCE|LOOK_AGAIN|[A-Z]+_EVERY)")
TIMED = {"config.py", "costs/worker.py", "costs/usecases/deliveries.py"}
# Whole numbers that are divided become a float: these are of fractions, decimals and paths.
DIVIDED = {
    "Path(__file__).parent / 'migrations'",
    "_graduated(reached, amount) / amount",
    "Fraction(deployment.hours) / card.hours_per_month",
    "amount / max(Fraction(1), self._months)",
    "Fraction(monthly_rate) * seconds / (hours_per_month * SECONDS_AN_HOUR)",
    "sum((change * change for change in changes), Fraction(0)) / len(changes)",
    "Fraction(left, DAY) ** 3 / 3",
    "Fraction(unit.to_decimal()) / _MONTHS[sold.interval]",
    "Fraction(one.amount.to_decimal()) / _MONTHS[one.interval]",
    "quantities.parse(amount) / unit",
}


def floats_in(tree: ast.Module, module: str = "") -> Iterator[str]:
    """Yield every float that is no time to wait, and every division that nobody looked at."""
    times = {id(one) for statement in tree.body for one in times_of(statement)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            if id(node) not in times and module != "config.py":
                yield f"{node.lineno}: {node.value}"
        elif isinstance(node, ast.Name) and node.id == "float" and module not in TIMED:
            yield f"{node.lineno}: float"
        elif is_division(node) and ast.unparse(node) not in DIVIDED:
            yield ast.unparse(node)


def is_division(node: ast.AST) -> bool:
    """Tell whether a node divides, also in place."""
    return isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)


def times_of(statement: ast.stmt) -> Iterator[ast.expr]:
    """Yield what is assigned to the name of a time."""
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name) and TIMES.fullmatch(target.id):
                yield statement.value


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_no_module_of_pricing_has_a_float_but_for_times(path: Path) -> None:
    module = path.relative_to(PRICING).as_posix()
    assert list(floats_in(ast.parse(path.read_text()), module)) == []


def test_the_check_sees_what_it_looks_for() -> None:
    assert len(MODULES) > 100
    for text in ("0.1", "float('1')", "x: float = 1", "1 / 2", "2.0 * 3", "a / b", "a /= b"):
        assert list(floats_in(ast.parse(text))), text
    for text in ("_PATIENCE = 1.5", "PURGE_EVERY = 60.0", "1 // 2"):
        assert not list(floats_in(ast.parse(text))), text


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
