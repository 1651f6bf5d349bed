"""Changes and ends that people ask us for, of what they bought with us."""

from random import Random
from typing import TYPE_CHECKING, Any

from tests.simulation.actions.action import admin_of, insist, person
from tests.simulation.actions.book import book_of
from tollgate.subscription.v1 import subscription_service_pb2 as pb

if TYPE_CHECKING:
    from services.chassis.identity import Principal
    from tests.simulation.world import World

_OVER = ("SUBSCRIPTION_OVER", "UNKNOWN_SUBSCRIPTION")


def _somebody(world: "World", rng: Random) -> "tuple[Principal, str] | None":
    """Pick somebody with an account of their own, and the account."""
    book = book_of(world)
    if not book.accounts:
        return None
    name = rng.choice(list(book.accounts))
    who = admin_of(name) if name.startswith("org-") else person(name)
    return who, book.accounts[name]


async def _held(world: "World", rng: Random, who: "Principal", account: str) -> "tuple[str, str]":
    """Return a subscription that they see is in force and its plan; empty for none."""
    calls: Any = world.call(who).subscription
    request = pb.ListSubscriptionsRequest(account=account)
    listed = await insist(world, rng, lambda: calls.ListSubscriptions(request))
    found = [(sub.name, sub.plan) for sub in listed.subscriptions] if listed else []
    return rng.choice(found) if found else ("", "")


class AsksForTheEnd:
    """Somebody asks us to end what they have: with the period, now, or to go on after all."""

    name = "asks for the end"
    weight = 5.0

    async def run(self, world: "World", rng: Random) -> None:
        """Ask."""
        found = _somebody(world, rng)
        if found is None:
            return
        name, _ = await _held(world, rng, *found)
        if not name:
            return
        request = pb.CancelSubscriptionRequest(
            name=name,
            mode=rng.choice(
                [
                    pb.CancelSubscriptionRequest.MODE_AT_PERIOD_END,
                    pb.CancelSubscriptionRequest.MODE_NOW,
                    pb.CancelSubscriptionRequest.MODE_RESUME,
                ]
            ),
            request_id=book_of(world).somebody("end"),
        )
        calls: Any = world.call(found[0]).subscription
        await insist(world, rng, lambda: calls.CancelSubscription(request), *_OVER)


class ChangesThePlan:
    """An organization's admin changes the pool, or its add-ons."""

    name = "changes the plan"
    weight = 5.0

    async def run(self, world: "World", rng: Random) -> None:
        """Ask for another plan or other add-ons."""
        book = book_of(world)
        if not book.organizations:
            return
        organization = rng.choice(book.organizations)
        who, account = admin_of(organization), book.accounts[organization]
        name, plan = await _held(world, rng, who, account)
        if not plan.startswith("kube-dc/"):
            return
        request = pb.UpdateSubscriptionRequest(name=name, request_id=book.somebody("change"))
        if rng.random() < 0.5:
            request.plan = rng.choice(
                ["kube-dc/dev-pool", "kube-dc/pro-pool", "kube-dc/scale-pool"]
            )
        else:
            request.addon_changes["kube-dc/turbo-x1"] = rng.choice([1, 1, -1])
        calls: Any = world.call(who).subscription
        refusals = (*_OVER, "ADDON_NOT_HELD", "USAGE_EXCEEDS_PLAN")
        await insist(world, rng, lambda: calls.UpdateSubscription(request), *refusals)
