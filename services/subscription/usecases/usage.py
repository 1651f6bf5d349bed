"""Refuses a plan that is smaller than what an organization uses."""

from collections.abc import Mapping

from services.chassis.errors import DeadlineExceeded, FailedPrecondition, NotFound, Unavailable
from services.chassis.quantities import parse
from services.subscription.domain import Account, AccountKind
from services.subscription.errors import UsageExceedsPlan
from services.subscription.offers import Offer
from services.subscription.ports import Provisioner
from services.subscription.usecases.desk import Desk

_NOT_SERVED = "ORGANIZATIONS_NOT_SERVED"
_NOTHING = "0"


async def refuse_what_is_in_use(
    desk: Desk, account: Account, held: Offer, limits: Mapping[str, str]
) -> None:
    """Raise UsageExceedsPlan, which names each resource that is used above the new limits.

    Only asked where something becomes less: what is over its limit already must not stand in the
    way of more. Unavailable while the provisioner cannot say: usage is never guessed.
    """
    if account.kind is not AccountKind.ORGANIZATION:
        return
    before = await desk.pricing.expand_capacity(held.plan, held.addons, held.catalog_version)
    smaller = _smaller(before.limits, limits)
    if not smaller:
        return
    used = await _used(desk.provisioner, account.external_id)
    in_the_way = {
        name: f"{used[name]} > {limit}"
        for name, limit in smaller.items()
        if parse(used.get(name, _NOTHING)) > parse(limit)
    }
    if in_the_way:
        raise UsageExceedsPlan(in_the_way)


def _smaller(before: Mapping[str, str], after: Mapping[str, str]) -> Mapping[str, str]:
    """Return the new limits that are lower than before, or were none before."""
    return {
        name: limit
        for name, limit in after.items()
        if name not in before or parse(limit) < parse(before[name])
    }


async def _used(provisioner: Provisioner, organization: str) -> Mapping[str, str]:
    try:
        return (await provisioner.organization_usage(organization)).used
    except NotFound:
        return {}
    except DeadlineExceeded as late:
        raise Unavailable("What is in use could not be asked for in time.") from late
    except FailedPrecondition as refusal:
        if refusal.reason == _NOT_SERVED:
            return {}
        raise
