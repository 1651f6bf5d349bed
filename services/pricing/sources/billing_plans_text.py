"""Writes a catalog as Kube-DC's ``plans.yaml``, and says what that form cannot carry.

The form has one suspended plan and one overhead for all plans, one monthly price for each, and only
the quota of an organization.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

from services.chassis import quantities
from services.pricing.capacity import ContainerLimits, Organization, Quantities
from services.pricing.domain import Addon, Catalog, Plan, Price
from services.pricing.sources.billing_plans import ENDING, RETENTION_SECONDS
from services.pricing.sources.losses import Losses, monthly
from services.pricing.sources.reading import Exported
from services.pricing.sources.writing import Written, dumped

_Tree: TypeAlias = dict[str, Written]

_LIMITS = (
    ("default_limits", (("cpu", "defaultCPU"), ("memory", "defaultMemory"))),
    ("default_requests", (("cpu", "defaultRequestCPU"), ("memory", "defaultRequestMem"))),
    ("max", (("cpu", "maxCPU"), ("memory", "maxMemory"))),
    ("min", (("cpu", "minCPU"), ("memory", "minMemory"))),
    ("max_pod", (("cpu", "maxPodCPU"), ("memory", "maxPodMemory"))),
    ("max_volume_claim", (("storage", "maxPVCStorage"),)),
    ("min_volume_claim", (("storage", "minPVCStorage"),)),
)
_SOLD = frozenset({"cpu", "memory", "storage", "pods", "services.loadbalancers"})
_ADDED = frozenset({"cpu", "memory", "storage"})
_MIB = Decimal(1 << 20)


def billing_plans_text(catalog: Catalog) -> Exported:
    """Return a catalog as ``plans.yaml``; ValueError if none of its plans can be said in it."""
    return _Writer(catalog).written()


class _Writer:
    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lost = Losses()
        self._pools = {
            plan.id: (plan, plan.provisions)
            for plan in catalog.plans.values()
            if isinstance(plan.provisions, Organization) and self._can_be_said(plan)
        }

    def written(self) -> Exported:
        if not self._pools:
            raise ValueError(
                f"catalog {self._catalog.name} has no plan of the kind `organization` with cpu, "
                "memory and a monthly price, and plans.yaml has no other kind"
            )
        document: _Tree = {"plans": {key: self._plan(*pool) for key, pool in self._pools.items()}}
        addons = {key: self._addon(addon) for key, addon in self._catalog.addons.items()}
        if addons:
            document["addons"] = addons
        document |= self._shared()
        addresses: dict[str, Written] = {
            key: pool.public_ips
            for key, (_, pool) in self._pools.items()
            if pool.public_ips is not None
        }
        if addresses:
            document["eipQuota"] = addresses
        self._say_of_catalog()
        return Exported(dumped(document), self._lost.findings())

    def _can_be_said(self, plan: Plan) -> bool:
        key = f"plans.{plan.id}"
        if not isinstance(plan.provisions, Organization):
            self._lost.note(key, "is left out: the form has only quotas of organizations")
        elif not {"cpu", "memory"} <= set(plan.provisions.quota):
            self._lost.note(key, "is left out: its quota has no cpu or no memory")
        elif plan.prices and monthly(plan.prices) is None:
            self._lost.note(key, "is left out: it has no monthly price")
        else:
            return True
        return False

    def _plan(self, plan: Plan, pool: Organization) -> _Tree:
        key = f"plans.{plan.id}"
        form = self._sold(key, plan.display_name, plan.description, plan.prices)
        if plan.recommended:
            form["recommended"] = True
        if not plan.self_service:
            form["selfService"] = False
        form["objectStorage"] = pool.object_storage_gb
        if pool.public_ips is not None:
            form["ipv4"] = pool.public_ips
        if plan.highlights:
            form["features"] = list(plan.highlights)
        form |= self._quota(key, pool.quota)
        form["burstRatio"] = Decimal(pool.burst_ratio)
        limits = self._limit_range(key, pool.container)
        if limits:
            form["limitRange"] = limits
        self._lost.of_plan(key, plan, ending=ENDING)
        return form

    def _addon(self, addon: Addon) -> _Tree:
        key = f"addons.{addon.id}"
        form = self._sold(key, addon.display_name, addon.description, addon.prices)
        form |= {name: addon.adds[name] for name in sorted(_ADDED & set(addon.adds))}
        for name in sorted(set(addon.adds) - _ADDED):
            self._lost.note(f"{key}.adds.{name}", "has no key in this form")
        if addon.disabled:
            form["disabled"] = True
        if not addon.self_service:
            form["selfService"] = False
        return form

    def _sold(self, key: str, name: str, description: str, prices: tuple[Price, ...]) -> _Tree:
        form: _Tree = {"displayName": name}
        if description:
            form["description"] = description
        price = monthly(prices)
        if price is None:
            return form | {"price": 0}
        self._lost.of_other_prices(key, prices, price)
        amount = price.amount.to_decimal()
        form["price"] = int(amount) if amount == amount.to_integral_value() else amount
        form["currency"] = price.amount.currency.upper()
        providers = self._providers(key, price.provider_prices)
        return form | ({"providers": providers} if providers else {})

    def _providers(self, key: str, names: Mapping[str, str]) -> _Tree:
        keys = {"stripe": "priceId", "whmcs": "configurableOptionName"}
        for provider in sorted(set(names) - set(keys)):
            self._lost.note(
                f"{key}.prices.{provider}", "is a provider that this form has no key for"
            )
        return {name: {keys[name]: value} for name, value in names.items() if name in keys}

    def _quota(self, key: str, quota: Quantities) -> _Tree:
        for name in sorted(set(quota) - _SOLD):
            self._lost.note(f"{key}.provisions.quota.{name}", "has no key in this form")
        requests: _Tree = {n: quota[n] for n in ("cpu", "memory", "storage") if n in quota}
        form: _Tree = {"requests": requests}
        for name, ours in (("pods", "pods"), ("servicesLB", "services.loadbalancers")):
            if ours in quota:
                form[name] = self._whole(f"{key}.provisions.quota.{ours}", quota[ours], Decimal(1))
        return form

    def _limit_range(self, key: str, limits: ContainerLimits) -> _Tree:
        form: _Tree = {}
        for bound, names in _LIMITS:
            amounts: Quantities = getattr(limits, bound)
            form |= {theirs: amounts[ours] for ours, theirs in names if ours in amounts}
            for name in sorted(set(amounts) - {ours for ours, _ in names}):
                where = f"{key}.provisions.container.{bound}.{name}"
                self._lost.note(where, "has no key in this form")
        return form

    def _shared(self) -> _Tree:
        pools = [(f"plans.{key}.provisions", pool) for key, (_, pool) in self._pools.items()]
        key, first = pools[0]
        for other, pool in pools[1:]:
            if pool.suspended_quota != first.suspended_quota:
                self._lost.note(f"{other}.suspended_quota", f"is written as that of {key}")
            if pool.overhead_per_project != first.overhead_per_project:
                self._lost.note(f"{other}.overhead_per_project", f"is written as that of {key}")
        return {
            "suspendedPlan": self._suspended(f"{key}.suspended_quota", first.suspended_quota),
            "systemOverhead": self._overhead(
                f"{key}.overhead_per_project", first.overhead_per_project
            ),
        }

    def _suspended(self, key: str, quota: Quantities) -> _Tree:
        for name in sorted(set(quota) - _SOLD):
            self._lost.note(f"{key}.{name}", "has no key in this form")
        if quantities.parse(quota.get("storage", "0")):
            self._lost.note(f"{key}.storage", "is 0 while suspended in this form")
        whole: _Tree = {
            name: self._whole(f"{key}.{ours}", quota.get(ours, "0"), Decimal(1))
            for name, ours in (("pods", "pods"), ("servicesLB", "services.loadbalancers"))
        }
        left: _Tree = {name: quota.get(name, "0") for name in ("cpu", "memory")}
        return left | whole

    def _overhead(self, key: str, overhead: Quantities) -> _Tree:
        for name in sorted(set(overhead) - {"cpu", "memory"}):
            self._lost.note(f"{key}.{name}", "has no key in this form")
        cpu, memory = overhead.get("cpu", "0"), overhead.get("memory", "0")
        return {
            "cpuPerProject": self._whole(f"{key}.cpu", cpu, Decimal("0.001")),
            "memPerProject": self._whole(f"{key}.memory", memory, _MIB),
        }

    def _whole(self, key: str, amount: str, unit: Decimal) -> int:
        exact = quantities.parse(amount) / unit
        whole = int(exact)
        if whole != exact:
            self._lost.note(key, f"{amount} is written as {whole} whole units of this form")
        return whole

    def _say_of_catalog(self) -> None:
        catalog = self._catalog
        self._lost.of_catalog(catalog, name="kube-dc", retention=RETENTION_SECONDS)
        for key, value in (
            ("free_plan", catalog.free_plan),
            ("defaults.new_member", catalog.new_member_plan),
            ("defaults.grandfathered", catalog.grandfathered_plan),
            ("billing", catalog.billing),
        ):
            if value:
                self._lost.note(key, "has no key in this form")
