"""One run: a storm over a running stack, the quiet after it, and the judge."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from deploy.sandbox.stack.kubeapi import KubeApiError
from tests.chaos.evidence import Evidence, collect, still_open
from tests.chaos.judge import fingerprint, judge
from tests.chaos.judging.case import Finding
from tests.chaos.judging.pipes import own_deaths
from tests.chaos.people import Deed, Person, person_for
from tests.chaos.plan import Plan
from tests.chaos.stage import Stage, staged
from tests.chaos.timeline import timelines

MOST_QUIET = 120.0
"""Seconds that the services have to come to rest, once nothing is asked of them any more."""
_MOST_AFTERMATH = 240.0
"""Seconds, after the storm, for people to finish and for the courier to deliver."""
_PAUSE = 0.5
_TRIED = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, KubeApiError, TimeoutError)

Say = Callable[[str], None]


@dataclass(slots=True)
class Result:
    """What a run found, and the counts for its report."""

    plan: Plan
    deeds: Sequence[Deed]
    evidence: Evidence = field(default_factory=Evidence)
    findings: list[Finding] = field(default_factory=list)
    storm_seconds: float = 0.0
    finish_seconds: float = 0.0
    quiet_seconds: float = 0.0
    told_again: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    deaths: dict[str, int] = field(default_factory=dict)
    timelines: list[str] = field(default_factory=list)


async def run(plan: Plan, home: Path, say: Say) -> Result:
    """Play a plan on a new stack in ``home``."""
    say("starting the stack")
    async with staged(plan, home) as stage:
        people = [person_for(purchase, stage.around) for purchase in plan.purchases]
        result = Result(plan, [person.deed for person in people])
        say(f"storm of {plan.seconds:.0f} s: {len(people)} payments, {len(plan.strikes)} blows")
        async with asyncio.TaskGroup() as playing:
            began = time.monotonic()
            stage.deaths.began = began
            plays = [playing.create_task(_play(person, began)) for person in people]
            await stage.striker.carry_out(plan, began)
            await asyncio.sleep(max(0.0, began + plan.seconds - time.monotonic()))
            result.storm_seconds = time.monotonic() - began
            say("the storm is over; faults are taken back, withheld events are sent")
            await stage.striker.calm()
            stage.courier.release()
            calm = time.monotonic()
            await _finish(stage, result.deeds, say)
            result.finish_seconds = time.monotonic() - calm
            await _settle(stage, result, say)
            result.quiet_seconds = time.monotonic() - calm - result.finish_seconds
            for play in plays:
                play.cancel()
        if not result.findings:
            await _tell_again(stage, result, say)
        result.findings += own_deaths(stage.deaths.counts, stage.striker.expected_deaths)
        result.counts = dict(stage.courier.counts + stage.striker.counts)
        result.counts["events"] = len(stage.courier.events)
        result.deaths = dict(stage.deaths.counts)
        result.timelines = await timelines(stage, result.deeds, result.evidence, result.findings)
    return result


async def _play(person: Person, began: float) -> None:
    await asyncio.sleep(max(0.0, began + person.purchase.opens - time.monotonic()))
    await person.play()


async def _finish(stage: Stage, deeds: Sequence[Deed], say: Say) -> None:
    """Wait until nobody buys and nothing is delivered any more, for as long as that may take."""
    said = ""
    deadline = time.monotonic() + _MOST_AFTERMATH
    while time.monotonic() < deadline:
        unrest = _asked(stage, deeds)
        if not unrest:
            return
        if unrest != said:
            said = unrest
            say(said)
        await asyncio.sleep(_PAUSE)


def _asked(stage: Stage, deeds: Sequence[Deed]) -> str:
    """Return what is still asked of the stack, empty if nothing is."""
    playing = [deed.purchase.name for deed in deeds if not deed.done]
    if playing:
        return f"{len(playing)} purchases are being made"
    return "" if stage.courier.idle else "events are being delivered"


async def _settle(stage: Stage, result: Result, say: Say) -> None:
    """Wait until the judge finds nothing, or for as long as the quiet may last."""
    said = ""
    deadline = time.monotonic() + MOST_QUIET
    while True:
        unrest = await _unrest(stage, result.deeds)
        if not unrest:
            result.evidence = await collect(stage.sources, frozenset(stage.courier.events))
            result.findings = judge(result.deeds, result.evidence, stage.sold)
            if not result.findings:
                return
            unrest = f"{len(result.findings)} findings, such as {result.findings[0]}"
        if unrest != said:
            said = unrest
            say(f"not at rest: {unrest}")
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(_PAUSE)
    result.evidence = await collect(stage.sources, frozenset(stage.courier.events))
    result.findings = judge(result.deeds, result.evidence, stage.sold)
    result.findings.append(Finding("", f"did not come to rest in {MOST_QUIET:.0f} s: {said}"))


async def _unrest(stage: Stage, deeds: Sequence[Deed]) -> str:
    """Return what is still going on, empty if all is at rest."""
    if not stage.all_ready():
        states = stage.stack.supervisor.states()
        down = [name for name, state in states.items() if state.value != "ready"]
        return f"{', '.join(down)} not ready"
    asked = _asked(stage, deeds)
    if asked:
        return asked
    try:
        waiting = await still_open(stage.sources.database)
    except _TRIED as error:
        return f"the database cannot be asked ({type(error).__name__})"
    return ", ".join(f"{count} in {name}" for name, count in waiting.items())


async def _tell_again(stage: Stage, result: Result, say: Say) -> None:
    """Deliver every event once more: nothing may change by it."""
    before = fingerprint(result.evidence)
    result.told_again = stage.courier.again()
    say(f"all as it should be; {result.told_again} events are told once more")
    await _settle(stage, result, say)
    after = fingerprint(result.evidence)
    for what, names in before.items():
        if names != after[what]:
            changed = sorted(set(names) ^ set(after[what]))
            result.findings.append(Finding("", f"told again, {what} changed: {changed[:5]}"))
