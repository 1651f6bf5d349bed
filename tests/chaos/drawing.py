"""Draws a plan from a seed. The same seed and number of payments give the same plan."""

import random
from collections.abc import Sequence

from tests.chaos.plan import VICTIMS, Blow, Channel, Outcome, Plan, Purchase, Strike

SESSIONS = "sessions/professional"
BRIEF = "brief/small"
POOLS = ("kube-dc/dev-pool", "kube-dc/pro-pool", "kube-dc/scale-pool")
ADDONS = ("turbo-x1", "turbo-x2")

_LEAST_SECONDS = 40.0
_PAYMENTS_A_SECOND = 2.5
_ROUND_SECONDS = 60.0
_CALM = 3.0
"""Seconds at the beginning that nothing is struck in."""
_PROVISIONER = "system:serviceaccount:tollgate:tollgate-provisioner"
_MOST_GUARDED = 4
"""The product stops by itself after five refunds, or five deletions, an hour."""

_SHOP: Sequence[tuple[Outcome, int]] = (
    (Outcome.PAID, 60),
    (Outcome.DECLINED, 7),
    (Outcome.DECLINED_FIRST, 8),
    (Outcome.ABANDONED, 5),
    (Outcome.EXPIRED, 5),
    (Outcome.CANCELED, 15),
)
_GATEWAY: Sequence[tuple[Outcome, int]] = (
    (Outcome.PAID, 50),
    (Outcome.DECLINED, 10),
    (Outcome.ABANDONED, 10),
    (Outcome.CANCELED, 15),
    (Outcome.CHANGED, 15),
)
_PATHS = (
    ("GET", "/v1/subscriptions"),
    ("GET", "/v1/checkout/sessions"),
    ("GET", "/v1/invoices"),
    ("GET", "/v1/customers"),
    ("POST", "/v1/customers"),
    ("POST", "/v1/checkout/sessions"),
    ("POST", "/v1/refunds"),
    ("DELETE", "/v1/subscriptions"),
    ("", ""),
)


def draw(seed: int, payments: int) -> Plan:
    """Draw a plan of so many payments."""
    rng = random.Random(f"chaos/{seed}/{payments}")
    seconds = max(_LEAST_SECONDS, payments / _PAYMENTS_A_SECOND)
    moments = _moments(rng, payments, seconds)
    kinds = _kinds(rng, payments)
    purchases = tuple(
        _purchase(rng, number, channel, outcome, opens)
        for number, ((channel, outcome), opens) in enumerate(zip(kinds, moments, strict=True), 1)
    )
    strikes = [*_processes(rng, seconds), *_cluster(rng, seconds), *_provider(rng, seconds)]
    return Plan(seed, seconds, purchases, tuple(sorted(strikes, key=lambda strike: strike.at)))


def _moments(rng: random.Random, payments: int, seconds: float) -> list[float]:
    """Return when purchases begin: a third of them at the very moment of another."""
    moments: list[float] = []
    for _ in range(payments):
        together = moments and rng.random() < 1 / 3
        moments.append(moments[-1] if together else round(rng.uniform(0, seconds * 0.85), 3))
    return sorted(moments)


def _kinds(rng: random.Random, payments: int) -> list[tuple[Channel, Outcome]]:
    """Return channel and outcome of each purchase; guarded outcomes by number, not by chance."""
    guarded = min(_MOST_GUARDED, max(1, payments // 40))
    returned = guarded // 2 or 1
    few = [Outcome.TWICE] * guarded + [Outcome.ENDED] * (_MOST_GUARDED - returned)
    few += [Outcome.RETURNED] * returned
    organizations = payments // 6
    kinds = [(Channel.SHOP, outcome) for outcome in few[: payments // 3]]
    kinds += [(Channel.GATEWAY, _one_of(rng, _GATEWAY)) for _ in range(organizations)]
    kinds += [(Channel.SHOP, _one_of(rng, _SHOP)) for _ in range(payments - len(kinds))]
    rng.shuffle(kinds)
    return kinds


def _one_of(rng: random.Random, shares: Sequence[tuple[Outcome, int]]) -> Outcome:
    outcomes, weights = zip(*shares, strict=True)
    chosen: Outcome = rng.choices(outcomes, weights)[0]
    return chosen


def _purchase(
    rng: random.Random, number: int, channel: Channel, outcome: Outcome, opens: float
) -> Purchase:
    organization = channel is Channel.GATEWAY
    brief = outcome in (Outcome.ENDED, Outcome.RETURNED)
    plan = rng.choice(POOLS) if organization else BRIEF if brief else SESSIONS
    # Without an add-on, so that the change is of the plan alone.
    adds = organization and outcome is not Outcome.CHANGED and rng.random() < 0.5
    return Purchase(
        number=number,
        channel=channel,
        plan=plan,
        outcome=outcome,
        opens=opens,
        pays=round(rng.choice((0.0, rng.uniform(0, 2))), 3),
        acts=round(rng.choice((0.0, rng.uniform(0, 1), rng.uniform(1, 6))), 3),
        withheld=outcome is Outcome.PAID and rng.random() < 0.15,
        yearly=plan == SESSIONS and rng.random() < 0.2,
        addons=(rng.choice(ADDONS),) if adds else (),
        later=rng.choice([pool for pool in POOLS if pool != plan]) if organization else "",
    )


def _processes(rng: random.Random, seconds: float) -> list[Strike]:
    """Return kills of everything, and restarts and pauses of PostgreSQL, in rounds."""
    rounds = max(1, round(seconds / _ROUND_SECONDS))
    blows: list[tuple[Blow, str, str]] = []
    for _ in range(rounds):
        these = [(Blow.KILL, victim, "") for victim in VICTIMS]
        these += [(Blow.RESTART, "postgres", "fast"), (Blow.RESTART, "postgres", "immediate")]
        these.append((Blow.PAUSE, "postgres", ""))
        rng.shuffle(these)
        blows += these
    gap = (seconds - 2 * _CALM) / len(blows)
    return [
        Strike(
            at=round(_CALM + (place + rng.uniform(0, 0.8)) * gap, 2),
            blow=blow,
            target=target,
            seconds=round(rng.uniform(0.5, 4.0), 1) if blow is Blow.PAUSE else 0.0,
            details={"mode": mode} if mode else {},
        )
        for place, (blow, target, mode) in enumerate(blows)
    ]


def _cluster(rng: random.Random, seconds: float) -> list[Strike]:
    strikes = []
    at = _CALM
    while at < seconds:
        if rng.random() < 0.2:
            strikes.append(Strike(round(at, 2), Blow.DROP_WATCHES, "kubernetes"))
        else:
            status, applied = rng.choice(
                ((409, False), (429, False), (500, False), (500, True), (0, False), (0, True))
            )
            fault = {"status": status, "count": rng.randint(1, 4), "user": _PROVISIONER}
            details = fault | ({"applied": True} if applied else {})
            strikes.append(Strike(round(at, 2), Blow.CLUSTER_FAULT, "kubernetes", 0.0, details))
        at += rng.uniform(0.3, 1.5)
    return strikes


def _provider(rng: random.Random, seconds: float) -> list[Strike]:
    strikes = []
    at = _CALM
    while at < seconds:
        method, path = rng.choice(_PATHS)
        status = rng.choice((429, 500, 503, 0, 200))
        details: dict[str, object] = {"status": status, "count": rng.randint(1, 3)}
        details |= {"slow": round(rng.uniform(0.5, 3), 1)} if status == 200 else {}
        details |= {"applied": True} if status in (500, 503, 0) and rng.random() < 0.5 else {}
        details |= {"method": method} if method else {}
        details |= {"path": path} if path else {}
        strikes.append(Strike(round(at, 2), Blow.PROVIDER_FAULT, "stripe", 0.0, details))
        at += rng.uniform(0.5, 3)
    return strikes
