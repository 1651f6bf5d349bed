"""What all routes of document 001's dialect work with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from starlette.responses import Response

from gateway.auth import require_org_admin
from gateway.bodies import refusals
from gateway.ports import (
    AccountKind,
    AddonQuantity,
    Held,
    Payments,
    Pricing,
    Provider,
    Provisioner,
    Subscription,
)
from gateway.problems import json_response, timestamp
from gateway.routes.billing.models import Failure
from gateway.states import IN_FORCE, WORDS
from services.chassis.errors import NotFound
from services.chassis.identity import Principal

REFUSALS = refusals(
    Failure,
    {
        400: "The request is wrong; `details.fields` says where",
        401: "No valid token",
        403: "The caller's role does not allow it",
        404: "Not found, or no payment provider is on",
        409: "What the organization holds or uses is in the way",
        503: "Billing service unreachable",
        "default": "Any other refusal",
    },
)
DECLINED = refusals(Failure, {402: "The card was declined; the sentence says why"})


class NoSubscription(NotFound):
    """The organization holds nothing that could be changed."""

    reason = "NO_SUBSCRIPTION"


@dataclass(frozen=True, slots=True)
class BillingDesk:
    """The services, the catalog of the short ids, and where the console is."""

    payments: Payments
    pricing: Pricing
    subscription: Subscription
    provisioner: Provisioner
    catalog: str
    console_url: str

    def full(self, short: str) -> str:
        """Return the catalog's own name of a plan or an add-on."""
        return f"{self.catalog}/{short}"

    def addons(self, wishes: Mapping[str, int]) -> Sequence[AddonQuantity]:
        """Return add-ons by their full names."""
        return [AddonQuantity(self.full(short), count) for short, count in wishes.items()]

    def billing_page(self, organization: str) -> str:
        """Return where the console shows an organization's billing."""
        realm = quote(organization, safe="")
        return f"{self.console_url}/manage-organization/billing?realm={realm}"

    async def admit_admin(self, caller: Principal) -> None:
        """Refuse who may not buy; "Not found" where no provider stands behind the routes."""
        await self.provider_on()
        require_org_admin(caller)

    async def provider_on(self) -> Provider:
        """Return the provider; the routes that need its checkout are not there without it."""
        provider = await self.payments.provider()
        if not provider.checkout:
            raise NotFound("Not found", reason="PROVIDER_OFF")
        return provider

    async def account(self, organization: str) -> str:
        """Return the organization's account, empty if it never bought anything."""
        return await self.subscription.find_account(AccountKind.ORGANIZATION, organization)

    async def current(self, organization: str) -> Held | None:
        """Return what the organization holds of this catalog, else what was in force last; None if
        nothing ever was.
        """
        return next(iter(await self.all_held(organization)), None)

    async def all_held(self, organization: str) -> Sequence[Held]:
        """Return all that the organization ever held of this catalog: first what is in force, what
        it pays for before what it was given, the newest first.
        """
        account = await self.account(organization)
        if not account:
            return []
        own = [
            held
            for held in await self.subscription.subscriptions(account)
            if held.plan.partition("/")[0] == self.catalog
            and held.begin_time is not None
            and WORDS[held.state].billing is not None
        ]
        return sorted(own, key=_worth, reverse=True)

    async def held(self, organization: str) -> Held:
        """Return what can be changed; NoSubscription if there is nothing."""
        found = await self.current(organization)
        if found is None:
            raise NoSubscription("The organization has no subscription.")
        return found


def _worth(held: Held) -> tuple[bool, bool, datetime]:
    in_force = held.state in IN_FORCE
    return in_force, in_force and not held.assigned, held.create_time


def success(data: object, **more: object) -> Response:
    """Return document 001's envelope."""
    return json_response({"success": True, **more, "data": data, "timestamp": timestamp()})


def short(name: str) -> str:
    """Return a plan's or an add-on's id in its catalog."""
    return name.partition("/")[2]
