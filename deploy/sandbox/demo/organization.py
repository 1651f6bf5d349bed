"""Document 001's story: an organization buys a pool, sees its quota, changes plan, cancels."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from deploy.sandbox.demo.console import Console
from deploy.sandbox.demo.kube_dc import KubeDc
from deploy.sandbox.demo.screen import Screen
from deploy.sandbox.demo.shop import DECLINED_CARD, GOOD_CARD, Shop, is_paid
from deploy.sandbox.demo.tollgate import until
from services.chassis import quantities

PROJECTS = ("web", "shop")
_PATIENCE = 30.0
_PREFIX = "billing.kube-dc.com/"


@dataclass(slots=True)
class OrganizationStory:
    """Who plays: an org-admin, a project user, and the organization that Kube-DC has made."""

    screen: Screen
    shop: Shop
    admin: Console
    user: Console
    kube_dc: KubeDc

    async def play(self) -> None:
        """Play the chapters in order."""
        with self.screen.chapter("An organization buys a pool"):
            await self.buys()
        with self.screen.chapter("Its projects use what was paid, and no more"):
            await self.uses()
        with self.screen.chapter("Another plan, and the end of it"):
            await self.changes()

    async def buys(self) -> None:
        """Buy pro-pool with one turbo-x1."""
        await self.kube_dc.found()
        self.screen.step("Kube-DC has made the organization, with two projects")
        refused = await self.user.subscribe("pro-pool")
        self.screen.check(refused.status == 403, f"a project user may not buy: {refused.error}")
        page = await self.admin.subscribe("pro-pool", "turbo-x1")
        session = str(page.data.get("sessionId"))
        self.screen.step(f"its org-admin asks for pro-pool with turbo-x1: session {session}")
        again = await self.admin.subscribe("pro-pool", "turbo-x1")
        same = again.data.get("sessionId") == session
        self.screen.check(same, "asking again gives the same session back")
        url = str(page.data.get("url"))
        declined = await self.shop.pay_at(url, DECLINED_CARD)
        self.screen.check(not is_paid(declined), f"a declined card pays nothing ({declined})")
        paid = await self.shop.pay_at(url, GOOD_CARD)
        self.screen.check(is_paid(paid), f"paid 58.00 euro with 4242… ({paid})")
        # Document 001's numbers: the plan's and the add-on's, over all of its namespaces.
        await self._until_quota(cpu="10", memory="28Gi", storage="180Gi")
        await self._until_said("plan-id", "pro-pool")
        await self._until_said("subscription", "active")
        self.screen.check(True, "the Organization says plan pro-pool, active")
        verified = await self.admin.verify(session)
        self.screen.check(bool(verified.data.get("verified")), "verify-checkout says so, too")

    async def uses(self) -> None:
        """Run something in a project, and too much in another."""
        await until(
            lambda: self.kube_dc.enforces("requests.cpu"),
            _PATIENCE,
            "the projects' quotas to count",
        )
        started = await self.kube_dc.run_pod("web", "server", cpu="4", memory="8Gi")
        self.screen.check(not started, f"4 cores run in a project {started}".rstrip())
        refused = await self.kube_dc.run_pod("shop", "greedy", cpu="7", memory="8Gi")
        self.screen.check(
            "exceeded" in refused, "7 more in another would be too many, and are refused"
        )

        usage = await self._until_used(4)
        cpu, memory = usage["cpu"], usage["memory"]
        told = f"{cpu['used']} of {cpu['limit']} cores, {memory['used']} of {memory['limit']} GiB"
        self.screen.check((cpu["used"], cpu["limit"]) == (4, 10), f"its org-admin sees {told}")

    async def changes(self) -> None:
        """Ask for less than is used, for more, and for an end."""
        await self._refused_downgrade()
        larger = await self.admin.change("scale-pool")
        self.screen.check(larger.status == 200, "a larger plan is taken, prorated by Stripe")
        await self._until_quota(cpu="18", memory="60Gi", storage="340Gi")
        portal = await self.admin.portal()
        self.screen.check(bool(portal.data.get("url")), "Stripe's portal opens for its org-admin")
        canceled = await self.admin.cancel()
        self.screen.check(canceled.status == 200, "it cancels at the end of the period")
        await self._until_said("subscription", "canceling")
        self.screen.check(True, "the Organization says canceling; until then its quota stays")
        await self._until_quota(cpu="18", memory="60Gi", storage="340Gi")

    async def _refused_downgrade(self) -> None:
        async def started() -> bool:
            # The project's part of the quota follows what it uses, about a second later.
            return not await self.kube_dc.run_pod("web", "batch", cpu="2500m", memory="4Gi")

        # 4 cores are used: with its add-on dev-pool has 6, so more has to run first.
        await until(started, _PATIENCE, "2.5 more cores to run", every=0.2)
        # Asked before they are told of, the smaller plan would be taken.
        await self._until_used(6.5)
        answer = await self.admin.change("dev-pool")
        refused = answer.status == 409
        self.screen.check(
            refused, f"a plan that is smaller than what runs is refused: {answer.error}"
        )

    async def _until_used(self, cores: float) -> dict[str, Any]:
        async def used() -> dict[str, Any] | None:
            usage = (await self.admin.subscription()).data.get("usage") or {}
            return usage if usage.get("cpu", {}).get("used") == cores else None

        usage: dict[str, Any] = await until(used, _PATIENCE, f"{cores} cores to be told of")
        return usage

    async def _until_said(self, name: str, value: str) -> None:
        async def said() -> bool:
            return (await self.kube_dc.annotations()).get(_PREFIX + name) == value

        await until(said, _PATIENCE, f"the Organization to say {name} {value}")

    async def _until_quota(self, *, cpu: str, memory: str, storage: str) -> None:
        wanted = {"requests.cpu": cpu, "requests.memory": memory, "requests.storage": storage}

        async def stands() -> bool:
            hard = await self.kube_dc.plan_quota()
            return all(
                hard.get(name, Decimal(0)) == quantities.parse(amount)
                for name, amount in wanted.items()
            )

        await until(stands, _PATIENCE, f"plan-quota of {cpu} cores, {memory}, {storage}")
        self.screen.check(True, f"plan-quota stands: {cpu} cores, {memory}, {storage}")
