"""``tollgate-catalog plan``: what a file would touch once it were in force, asked of pricing."""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from services.chassis.config import Env, Secret
from services.chassis.errors import Refusal
from services.chassis.money import Money
from services.pricing.clients import plan_version
from services.pricing.clients.planning import Access, Planned, PlannedEffect, PlannedTotal

SAME, TOUCHED, REFUSED = 0, 1, 2


def read_token(env: Env) -> Secret:
    """Read the token of the operator who asks."""
    return env.secret("TOLLGATE_TOKEN", default="", doc="the operator's bearer token, for plan")


def planned(said: argparse.Namespace, token: str, text: str) -> Planned:
    """Ask pricing; a refusal, or OSError for an authority that cannot be read."""
    authority = Path(said.ca) if said.ca else None
    access = Access(said.target, token, authority)
    return asyncio.run(
        plan_version(access, text, said.file, rate_card=said.rate_card, most=said.most)
    )


def code(plan: Planned) -> int:
    """Return the exit code of what was found."""
    return TOUCHED if plan.effect_count or plan.unknown else SAME


def lines(plan: Planned) -> list[str]:
    """Return what was found, as people read it."""
    if plan.unchanged:
        return ["This version is in force already."]
    what = f"catalog {plan.catalog}" if plan.catalog else "the rate card"
    said = [f"{what}: {plan.active_version[:12] or 'none'} -> {plan.version[:12]}"]
    said += [_total(one) for one in plan.totals]
    said += [line for one in plan.effects for line in _effect(one)]
    left = plan.effect_count - len(plan.effects)
    said += [f"and {left} more (--most)"] if left > 0 else []
    if not plan.effect_count:
        said.append("Nothing that is known would be touched.")
    return said


def asides(plan: Planned) -> list[str]:
    """Return what was not looked at, and what is to be said about the file."""
    return [f"not known: {text}" for text in plan.unknown] + list(plan.findings)


def answer(plan: Planned) -> dict[str, object]:
    """Return what was found, for machines; amounts are decimals as texts."""
    return {
        "catalog": plan.catalog or None,
        "version": plan.version,
        "activeVersion": plan.active_version or None,
        "unchanged": plan.unchanged,
        "effectCount": plan.effect_count,
        "totals": [_plain(one) for one in plan.totals],
        "effects": [_plain(one) for one in plan.effects],
        "unknown": list(plan.unknown),
        "findings": list(plan.findings),
    }


def refused(refusal: Refusal) -> Sequence[str]:
    """Return a refusal of pricing's, a line for each thing that is wrong."""
    bad = [one.description for one in refusal.fields]
    return bad or [f"{refusal.reason}: {refusal.message}"]


def _plain(one: PlannedEffect | PlannedTotal) -> dict[str, object]:
    found: dict[str, object] = asdict(one)
    for key in ("before", "after"):
        amount: Money | None = getattr(one, key)
        found[key] = None if amount is None else str(amount.to_decimal())
        found["currency"] = amount.currency if amount else found.get("currency")
    return found


def _total(total: PlannedTotal) -> str:
    more = total.after - total.before
    each = f" a {total.interval}" if total.interval in ("month", "year") else ""
    words = f"{total.subject}s of which the price differs"
    return f"{total.count} {words}: {total.before} -> {total.after}{each} ({_signed(more)})"


def _effect(effect: PlannedEffect) -> list[str]:
    owner = f" of {effect.account}" if effect.account else ""
    price = f": not known: {effect.unknown}" if effect.unknown else ""
    if effect.before is not None and effect.after is not None:
        each = f" a {effect.interval}" if effect.interval in ("month", "year") else ""
        more = _signed(effect.after - effect.before)
        price = f": {effect.before} -> {effect.after}{each} ({more}), once it is bought anew"
    when = "at once" if effect.immediate else "once it is bought anew"
    return [
        f"{effect.subject} {effect.name}{owner}{price}",
        *(f"    {text} ({when})" for text in effect.changes),
    ]


def _signed(amount: Money) -> str:
    return f"+{amount}" if amount.minor_units > 0 else str(amount)
