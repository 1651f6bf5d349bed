"""Organizations: together never more than was sold, and said to be what they are (ADR 13)."""

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from services.payments.views import SubscriptionStatus
from services.provisioner import naming
from services.provisioner.isolation import namespace_ref
from services.provisioner.objects import Live, Ref
from tests.simulation.actions.book import book_of
from tests.simulation.invariants.invariant import AllTheTime, AtTheEnd
from tests.simulation.invariants.paying import account_of, by_account, refused_at
from tests.simulation.invariants.sold import Limits, addons_of, left_of, limits_of, read
from tests.simulation.shop_amounts import Bought, bought
from tests.simulation.shop_truth import Paid

if TYPE_CHECKING:
    from tests.simulation.cluster_store import Write
    from tests.simulation.world import World

_WAY = timedelta(days=3)
"""How long the news of a smaller plan may be on its way at most."""
_PREFIX = "billing.kube-dc.com/"
_PROJECTS = 4
"""As many as an organization ever has at once."""


class NeverMoreThanSold(AllTheTime):
    """No quota of an organization's grows so that all of them are more than what was sold."""

    name = "never more than sold"

    def __init__(self) -> None:
        self._looked = 0
        self._stands: defaultdict[str, dict[str, Limits]] = defaultdict(dict)
        """What we wrote last, by organization and namespace; of what others wrote, nothing."""

    def check(self, world: "World") -> list[str]:
        """Look at what was written since the last look."""
        history = world.cluster.history
        news, self._looked = history[self._looked :], len(history)
        grown = [(write, total) for write in news if (total := self._taken(write))]
        if not grown:
            return []
        paid = _of_organizations(world)
        return [
            told
            for write, total in grown
            for told in _too_much(
                world, write, total, paid[_organization(write.live.ref.namespace)]
            )
        ]

    def _taken(self, write: "Write") -> Limits:
        """Take a write; return what all quotas are together, if ours made any of it more."""
        ref = write.live.ref
        if ref.name != naming.PLAN_QUOTA or write.verb == "hand_over":
            return {}
        name = _organization(ref.namespace)
        stands = self._stands[name]
        before = stands.pop(ref.namespace, {})
        if not write.ours or write.verb not in ("create", "apply"):
            return {}
        now = stands[ref.namespace] = _hard(write.live)
        more = any(amount > before.get(word, 0) for word, amount in now.items())
        return _sum(stands) if more else {}


class ProjectsStayBounded(AllTheTime):
    """No quota of ours is taken from a project that stands while its organization is paid."""

    name = "projects stay bounded"

    def __init__(self) -> None:
        self._looked = 0

    def check(self, world: "World") -> list[str]:
        """Look at what was taken away since the last look."""
        history = world.cluster.history
        news, self._looked = history[self._looked :], len(history)
        taken = [write for write in news if _is_taken(world, write)]
        if not taken:
            return []
        paid = _of_organizations(world)
        return [
            f"{write.live.ref.namespace} lost its quota at {write.at}, and is paid for"
            for write in taken
            if _lives(paid[_organization(write.live.ref.namespace)], write.at)
        ]


class OrganizationsAreWhatIsPaid(AtTheEnd):
    """Each says what is paid for it, and its quotas are all of that together."""

    name = "organizations are what is paid"

    def final(self, world: "World") -> list[str]:
        """Compare what was paid with what stands and what is said."""
        paid = by_account(world)
        wrong = []
        for name in book_of(world).organizations:
            account = book_of(world).accounts[name]
            counted = [
                one
                for one in paid.get(account, [])
                if one.plan.kind == "organization" and refused_at(world, one) is None
            ]
            wrong += [f"{name} {told}" for told in _differs(world, name, counted)]
        return wrong


def _is_taken(world: "World", write: "Write") -> bool:
    """Tell whether we deleted the quota of a namespace that is not going."""
    ref = write.live.ref
    if not (write.ours and write.verb == "delete" and ref.name == naming.PLAN_QUOTA):
        return False
    stands = world.cluster.objects.get(namespace_ref(ref.namespace))
    return stands is not None and not stands.deleting


def _lives(mine: list[Paid], at: datetime) -> bool:
    """Tell whether something was in force then, and no end is so new that its news is under way."""
    ended = (when for paid in mine for when, live in paid.row.lives if not live)
    return any(paid.live_at(at) for paid in mine) and not any(
        at - _WAY <= one <= at for one in ended
    )


def _organization(namespace: str) -> str:
    """Return whose a namespace is: ``org-7`` or ``org-7-p2``."""
    return "-".join(namespace.split("-")[:2])


def _of_organizations(world: "World") -> defaultdict[str, list[Paid]]:
    owners = {account: name for name, account in book_of(world).accounts.items()}
    found: defaultdict[str, list[Paid]] = defaultdict(list)
    for paid in world.shop.truth():
        if paid.plan.kind == "organization":
            found[owners.get(account_of(world, paid), "")].append(paid)
    return found


def _too_much(world: "World", write: "Write", total: Limits, mine: list[Paid]) -> list[str]:
    """Return of what there is more than any plan allows that was in force lately."""
    sold = world.shop.books.sold
    allowed = [
        limits_of(sold, items, _PROJECTS) if lives else left_of(sold, items)
        for paid in mine
        for lives in (True, False)
        for items in _lately(paid, write.at, lives=lives)
    ]
    most = {name: max(one.get(name, Decimal(0)) for one in allowed) for name in total if allowed}
    return [
        f"{write.live.ref.namespace} has {amount} {name} with its others at {write.at},"
        f" and {most.get(name)} were sold"
        for name, amount in total.items()
        if amount > most.get(name, 0)
    ]


def _lately(paid: Paid, at: datetime, *, lives: bool) -> list[Bought]:
    """Return what was billed lately, of what was in force or only left of it lately."""
    since = at - _WAY
    was_live = paid.live_at(since) or any(live for when, live in paid.row.lives if when >= since)
    if lives and not was_live:
        return []
    older = [items for when, items in paid.row.billed if when <= since]
    return [*older[-1:], *(items for when, items in paid.row.billed if when > since)]


def _differs(world: "World", name: str, counted: list[Paid]) -> list[str]:
    organization = next(
        (live for ref, live in world.cluster.objects.items() if _is_of(ref, name)), None
    )
    if organization is None:
        return ["does not stand"]
    stand = _quotas(world, name)
    said = _said(organization)
    if not counted:
        more = [word for word in ("plan-id", "subscription") if word in said]
        return [f"never paid, and says {more} with quotas in {sorted(stand)}"] * bool(more or stand)
    live = next((paid for paid in counted if paid.live), None)
    total = _sum({place: _hard(quota) for place, quota in stand.items()})
    if live is None:
        return _differs_suspended(world, counted, said, total)
    return _differs_running(world, live, said, stand, total)


def _differs_running(
    world: "World", live: Paid, said: Mapping[str, str], stand: Mapping[str, Live], total: Limits
) -> list[str]:
    sold, items = world.shop.books.sold, bought(live.row.items)
    listed = json.loads(said.get("addons", "[]"))
    expected = (live.plan.name.rpartition("/")[2], _word(live), addons_of(sold, items))
    found = (said.get("plan-id"), said.get("subscription"), listed)
    wrong = [] if found == expected else [f"says {found}, and {expected} is paid"]
    if "suspended-at" in said:
        wrong.append("is in use, and says since when it is suspended")
    due = limits_of(sold, items, len(stand) - 1)
    if total != due:
        wrong.append(f"has quotas of {total}, and {due} is paid")
    return wrong


def _differs_suspended(
    world: "World", counted: list[Paid], said: Mapping[str, str], total: Limits
) -> list[str]:
    wrong = []
    if said.get("subscription") not in ("suspended", "canceled"):
        wrong.append(f"says {said.get('subscription')}, and nothing is in force")
    left = [left_of(world.shop.books.sold, bought(paid.row.items)) for paid in counted]
    if total not in left:
        wrong.append(f"has quotas of {total}, and {left} is left")
    return wrong


def _word(paid: Paid) -> str:
    row = paid.row
    if row.status is SubscriptionStatus.PAST_DUE:
        return "past_due"
    return "canceling" if row.cancel_at_period_end else row.status.value.lower()


def _is_of(ref: Ref, name: str) -> bool:
    return ref.kind == "Organization" and ref.name == name


def _quotas(world: "World", name: str) -> dict[str, Live]:
    return {
        ref.namespace: live
        for ref, live in world.cluster.objects.items()
        if ref.name == naming.PLAN_QUOTA and _organization(ref.namespace) == name
    }


def _said(organization: Live) -> dict[str, str]:
    metadata = cast("dict[str, dict[str, str]]", organization.content["metadata"])
    return {
        key.removeprefix(_PREFIX): value
        for key, value in metadata.get("annotations", {}).items()
        if key.startswith(_PREFIX)
    }


def _hard(quota: Live) -> Limits:
    spec = cast("dict[str, dict[str, object]]", quota.content["spec"])
    return read(spec.get("hard", {}))


def _sum(quotas: Mapping[str, Limits]) -> Limits:
    total: defaultdict[str, Decimal] = defaultdict(Decimal)
    for hard in quotas.values():
        for name, amount in hard.items():
            total[name] += amount
    return dict(total)
