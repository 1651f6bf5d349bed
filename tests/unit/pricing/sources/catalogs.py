"""Hypothesis strategies: catalogs of every kind of plan, and files of the foreign forms."""

from collections.abc import Sequence
from typing import TypeAlias

from hypothesis import strategies as st

from services.chassis.money import Money
from services.pricing import capacity
from services.pricing.domain import Addon, Billing, Catalog, EndPolicy, Interval, Plan, Price

Tree: TypeAlias = dict[str, object]

ids = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
# Texts that YAML would read as something else are among them.
texts = st.one_of(
    st.sampled_from(
        ["no", "1.0", "0x1", "a: b", "#x", "'", "é €", "2026-01-01", "~", "- a", "1_0"]
    ),
    st.text(
        st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn")),
        min_size=1,
        max_size=12,
    ),
)
amounts = st.integers(0, 4096).flatmap(
    lambda n: st.sampled_from(["", "m", "Mi", "Gi", "M", "G"]).map(lambda unit: f"{n}{unit}")
)
# A bare number of memory or storage is GiB and is written as such.
sized = st.integers(1, 4096).flatmap(
    lambda n: st.sampled_from(["Mi", "Gi", "M", "G"]).map(lambda unit: f"{n}{unit}")
)
resources = st.fixed_dictionaries(
    {}, optional={"cpu": amounts, "memory": sized, "storage": sized, "pods": amounts}
)
policies = st.sampled_from([EndPolicy.SUSPEND_THEN_CANCEL, EndPolicy.DELETE])
containers = st.builds(
    capacity.ContainerLimits, *[resources] * 4, max_volume_claim=st.just({"storage": "1Gi"})
)


def _capacities() -> st.SearchStrategy[capacity.Capacity]:
    workloads = st.builds(
        capacity.Workload,
        image=texts,
        requests=resources,
        port=st.integers(0, 65535),
        args=st.lists(texts, max_size=2).map(tuple),
    )
    scales = st.builds(
        lambda low, more, percent: capacity.Autoscale(low, low + more, percent),
        st.integers(1, 5000),
        st.integers(0, 5000),
        st.integers(1, 100),
    )
    return st.one_of(
        st.builds(capacity.Nothing, st.dictionaries(ids, texts, max_size=2)),
        st.builds(
            capacity.Namespace,
            quota=resources,
            container=containers,
            autoscale=st.none() | scales,
            warm_pool=st.integers(0, 1000),
            workload=st.none() | workloads,
        ),
        st.builds(
            capacity.Organization,
            quota=resources,
            overhead_per_project=resources,
            burst_ratio=st.sampled_from(["1.0", "1", "2.25"]),
            container=containers,
            public_ips=st.none() | st.integers(0, 9),
            object_storage_gb=st.integers(0, 9),
            suspended_quota=resources,
        ),
        st.builds(capacity.Tenant, texts, st.dictionaries(texts, texts, max_size=2), st.booleans()),
        st.builds(capacity.Resource, st.just(("webapps.apps.example.com/v1",)), st.integers(0, 9)),
    )


@st.composite
def _prices(draw: st.DrawFn, item: str) -> tuple[Price, ...]:
    found = []
    st.sampled_from(["eur", "usd", "jpy", "kwd"])
    for number in range(draw(st.integers(0, 2))):
        names = draw(st.sets(st.sampled_from(["stripe", "whmcs"])))
        found.append(
            Price(
                Money(
                    draw(st.sampled_from(["eur", "usd", "jpy", "kwd"])), draw(st.integers(0, 99999))
                ),
                draw(st.sampled_from(list(Interval))),
                {name: f"{name}_{item}_{number}" for name in sorted(names)},
            )
        )
    return tuple(found)


@st.composite
def _plan(draw: st.DrawFn, plan_id: str) -> Plan:
    words = st.lists(texts, max_size=2).map(tuple)
    return Plan(
        id=plan_id,
        display_name=draw(texts),
        description=draw(st.just("") | texts),
        tier=draw(st.sampled_from(["", "basic", "premium"])),
        prices=draw(_prices(plan_id)),
        features=draw(words),
        highlights=draw(words),
        credits=draw(st.integers(0, 9999)),
        provisions=draw(_capacities()),
        on_unpaid=draw(policies),
        on_end=draw(policies),
        pin=draw(st.booleans()),
        recommended=draw(st.booleans()),
        self_service=draw(st.booleans()),
        trial_days=draw(st.integers(0, 730)),
    )


@st.composite
def _addon(draw: st.DrawFn, addon_id: str) -> Addon:
    return Addon(
        id=addon_id,
        display_name=draw(texts),
        description=draw(st.just("") | texts),
        prices=draw(_prices(addon_id)),
        adds=draw(resources),
        self_service=draw(st.booleans()),
        disabled=draw(st.booleans()),
    )


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    """Any catalog that our own form can say."""
    keys: Sequence[str] = draw(st.lists(ids, min_size=1, max_size=4, unique=True))
    cut = draw(st.integers(1, len(keys)))
    named = st.sampled_from(["", *keys[:cut]])
    billing = st.builds(Billing, st.booleans(), st.just("usd"), st.just("") | texts, st.just(""))
    return Catalog(
        name=draw(ids),
        version="",
        description=draw(st.just("") | texts),
        foreign_checkout_creates_account=draw(st.booleans()),
        retention_seconds=draw(st.integers(0, 99_999).map(lambda n: n * 60) | st.just(86_400)),
        plans={key: draw(_plan(key)) for key in keys[:cut]},
        addons={key: draw(_addon(key)) for key in keys[cut:]},
        free_plan=draw(named),
        new_member_plan=draw(named),
        grandfathered_plan=draw(named),
        billing=draw(st.none() | billing),
    )


counts = st.integers(0, 500)
_bounds = st.fixed_dictionaries(
    {},
    optional={
        "defaultCPU": amounts,
        "defaultMemory": sized,
        "defaultRequestMem": sized,
        "maxPodCPU": amounts,
        "maxPVCStorage": sized,
        "minPVCStorage": sized,
    },
)
_providers = st.fixed_dictionaries({}, optional={"whmcs": st.just({"configurableOptionName": ""})})
_sold = {
    "displayName": texts,
    "price": st.integers(0, 99) | st.sampled_from(["19.50", "0.99"]),
    "currency": st.sampled_from(["EUR", "usd"]),
}
_pools = st.fixed_dictionaries(
    _sold
    | {"requests": st.fixed_dictionaries({"cpu": amounts, "memory": sized, "storage": sized})},
    optional={
        "description": texts,
        "recommended": st.booleans(),
        "selfService": st.booleans(),
        "objectStorage": counts,
        "features": st.lists(texts, max_size=2),
        "pods": counts,
        "servicesLB": counts,
        "burstRatio": st.sampled_from(["1.0", "1.5", 2]),
        "limitRange": _bounds,
        "providers": _providers,
        "gpu": st.just({"t4": {"shares": 1}}),
    },
)
_turbos = st.fixed_dictionaries(
    _sold, optional={"cpu": amounts, "memory": sized, "storage": sized, "disabled": st.booleans()}
)


@st.composite
def billing_plans(draw: st.DrawFn) -> Tree:
    """A ``plans.yaml`` that is right."""
    keys: Sequence[str] = draw(st.lists(ids, min_size=1, max_size=4, unique=True))
    cut = draw(st.integers(1, len(keys)))
    document: Tree = {
        "plans": {key: draw(_pools) for key in keys[:cut]},
        "addons": {key: draw(_turbos) for key in keys[cut:]},
        "eipQuota": {key: draw(counts) for key in keys[:cut] if draw(st.booleans())},
        "systemOverhead": {"cpuPerProject": draw(counts), "memPerProject": draw(counts)},
    }
    if draw(st.booleans()):
        document["limitRange"] = draw(_bounds)
    if draw(st.booleans()):
        document["suspendedPlan"] = {
            "cpu": draw(amounts),
            "memory": draw(sized),
            "pods": draw(counts),
            "servicesLB": draw(counts),
        }
    return document


@st.composite
def quotas(draw: st.DrawFn) -> Tree:
    """A ``quotas.yaml`` that is right, with a free tier at its head."""
    keys: Sequence[str] = draw(st.lists(ids, min_size=1, max_size=4, unique=True))
    tiers: Tree = {}
    for number, key in enumerate(keys):
        tier: Tree = {"quota": draw(sized.map(lambda text: f"{text}B") | st.integers(1, 99))}
        if draw(st.booleans()):
            tier["description"] = draw(texts)
        for name in ("stripe_price_monthly", "stripe_price_yearly"):
            if number and draw(st.booleans()):
                tier[name] = f"price_{key}_{name}"
        tiers[key] = tier
    document: Tree = {"tiers": tiers, "defaults": {"new_crew_tier": draw(st.sampled_from(keys))}}
    if draw(st.booleans()):
        document["billing"] = {"enabled": draw(st.booleans()), "success_url": "{hold_url}/ok"}
    return document
