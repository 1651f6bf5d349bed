"""The report of a run, in plain lines."""

from collections import Counter
from collections.abc import Iterator

from tests.chaos.run import Result

_MOST_FINDINGS = 40


def report(result: Result) -> str:
    """Return the whole report."""
    return "\n".join(_lines(result))


def story(result: Result) -> str:
    """Return what each customer did and when."""
    lines = []
    for deed in result.deeds:
        lines += [f"== {deed.purchase}", *deed.steps]
    return "\n".join(lines) + "\n"


def _lines(result: Result) -> Iterator[str]:
    plan, counts = result.plan, result.counts
    yield f"seed {plan.seed}, {len(plan.purchases)} payments"
    outcomes = Counter(
        f"{purchase.channel.value}: {purchase.outcome.value}" for purchase in plan.purchases
    )
    yield from _section("payments", outcomes)
    yield f"deliveries: {counts.get('deliveries', 0)} of {counts.get('copies', 0)} copies"
    yield f"  of {counts.get('events', 0)} events, {counts.get('events withheld', 0)} withheld"
    for prefix in (
        "answered",
        "kill",
        "restart",
        "pause",
        "cluster answered",
        "watches",
        "provider",
    ):
        these = {name: number for name, number in counts.items() if name.startswith(f"{prefix} ")}
        yield from _section(prefix, Counter(these))
    yield from _section("deaths seen by the supervisor", Counter(result.deaths))
    yield f"storm {result.storm_seconds:.1f} s"
    yield f"  people and deliveries were done {result.finish_seconds:.1f} s later"
    yield f"  everything was at rest {result.quiet_seconds:.1f} s after that"
    yield f"told again afterwards: {result.told_again} events"
    yield from _section("resident kB", Counter(dict(result.evidence.resident_kb)))
    yield from result.timelines
    for finding in result.findings[:_MOST_FINDINGS]:
        yield f"WRONG  {finding}"
    if len(result.findings) > _MOST_FINDINGS:
        yield f"and {len(result.findings) - _MOST_FINDINGS} more"


def _section(title: str, counts: Counter[str]) -> Iterator[str]:
    if counts:
        total = "" if title.startswith("resident") else f" {sum(counts.values())}"
        yield f"{title}:{total}"
        yield from (f"  {number:6}  {name}" for name, number in sorted(counts.items()))
