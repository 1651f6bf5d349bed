"""What plans entitle to, by the versions that are in force.

What a plan with add-ons says at a version never changes, so it is asked of pricing once (rule 27).
Which version is in force may change at any time: whoever asks here has just found out.
"""

from collections.abc import Sequence
from typing import TypeAlias

from services.chassis.errors import InvalidArgument, NotFound
from services.subscription.offers import AddonQuantity, Offer, Terms
from services.subscription.ports import Plan, Pricing
from services.subscription.remembering import Remembered

_MOST_TERMS = 4096
_MOST_CATALOGS = 64
_Sold: TypeAlias = tuple[str, tuple[AddonQuantity, ...], str, str]


class TermsInForce:
    """The terms of plans as pricing has them in force."""

    def __init__(self, pricing: Pricing) -> None:
        self._pricing = pricing
        # By plan, add-ons, the version it was sold by and the one in force.
        self._sold: Remembered[_Sold, Terms] = Remembered(_MOST_TERMS)
        # What of it the version in force does not know any more.
        self._gone: Remembered[_Sold, bool] = Remembered(_MOST_TERMS)
        # By plan and version.
        self._plans: Remembered[tuple[str, str], Terms] = Remembered(_MOST_CATALOGS)
        # By catalog and version.
        self._offered: Remembered[tuple[str, str], Sequence[Plan]] = Remembered(_MOST_CATALOGS)

    async def of_offer(self, offer: Offer, in_force: str) -> Terms:
        """Return the newest terms of what was sold, or those it was sold by if it says ``pin``.

        ``in_force`` is the version of its catalog that is in force, empty for none.
        """
        known = self.known_of_offer(offer, in_force)
        if known is not None:
            return known
        asked = (offer.plan, offer.addons, offer.catalog_version)
        try:
            expansion = await self._pricing.expand_capacity(*asked)
        except (NotFound, InvalidArgument):
            # Gone from the catalog, or an add-on is: what was sold goes on.
            await self._note_gone((*asked, in_force), offer.catalog)
            return offer.terms
        if expansion.active_version:
            self._sold.keep((*asked, expansion.active_version), expansion.terms)
        return expansion.terms

    def known_of_offer(self, offer: Offer, in_force: str) -> Terms | None:
        """Return the same if it is remembered, else None."""
        if not in_force:
            return None
        sold = (offer.plan, offer.addons, offer.catalog_version, in_force)
        known = self._sold.get(sold)
        if known is None and self._gone.get(sold):
            return offer.terms
        return known

    async def _note_gone(self, sold: _Sold, catalog: str) -> None:
        """Remember that a version does not know what was sold, if the answer was that version's.

        Such an answer does not say which version it is of. A version that was in force before it
        and is so after it was in force all the while: none comes back.
        """
        in_force = sold[-1]
        versions = {one.name: one.version for one in await self._pricing.list_catalogs()}
        if in_force and versions.get(catalog) == in_force:
            self._gone.keep(sold, True)

    async def of_plan(self, plan: str, in_force: str) -> Terms:
        """Return the newest terms of a plan; ``in_force`` as above."""
        known = self.known_of_plan(plan, in_force)
        if known is not None:
            return known
        found = await self._pricing.get_plan(plan)
        self._plans.keep((plan, found.catalog_version), found.terms)
        return found.terms

    def known_of_plan(self, plan: str, in_force: str) -> Terms | None:
        """Return the same if it is remembered, else None."""
        return self._plans.get((plan, in_force))

    async def offered(self, catalog: str, in_force: str) -> Sequence[Plan]:
        """Return the plans of a catalog that customers are offered, in its order."""
        known = self._offered.get((catalog, in_force))
        if known is not None:
            return known
        found = await self._pricing.list_plans(catalog)
        if {plan.catalog_version for plan in found} == {in_force}:
            self._offered.keep((catalog, in_force), found)
        return found
