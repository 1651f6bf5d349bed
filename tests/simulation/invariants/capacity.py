"""Capacity stands if and only if it is paid, within what the plan grants after its end."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from services.provisioner import naming
from services.provisioner.domain import Tenant, TenantPhase
from services.provisioner.objects import Live, Ref
from tests.simulation.faults.crash import OlderVersion
from tests.simulation.invariants import reading
from tests.simulation.invariants.invariant import AtTheEnd
from tests.simulation.invariants.paying import by_account, refused_at, rival
from tests.simulation.shop_truth import Paid
from tollgate.payments.v1.events_pb2 import ProviderSubscription

if TYPE_CHECKING:
    from tests.simulation.world import World

EVERYTHING = frozenset(
    {
        ("ResourceQuota", naming.QUOTA),
        ("LimitRange", naming.LIMITS),
        ("NetworkPolicy", naming.DENY_ALL),
        ("NetworkPolicy", naming.ALLOW_DNS),
        ("NetworkPolicy", naming.ALLOW_INSIDE),
        ("Deployment", naming.SESSIONS),
        ("HorizontalPodAutoscaler", naming.SESSIONS),
        ("RoleBinding", naming.OWNER_BINDING),
    }
)
_SLACK = timedelta(days=1)
"""How far timers and news may be behind when a time is nearly over."""


class Expected(StrEnum):
    """What should stand for an account."""

    NOTHING = "nothing"
    RUNNING = "a running namespace"
    SUSPENDED = "a suspended namespace"
    EITHER = "a suspended namespace or none"


class CapacityIsPaid(AtTheEnd):
    """Every account has exactly what its payments amount to."""

    name = "capacity stands iff it is paid"

    def final(self, world: "World") -> list[str]:
        """Compare what was paid with what stands."""
        now, kept = world.clock.now(), _kept_until(world)
        standing: dict[str, list[Tenant]] = {}
        for tenant in reading.tenants(world).values():
            standing.setdefault(tenant.order.account, []).append(tenant)
        wrong = []
        for account, bought in by_account(world).items():
            if not account:
                wrong += [f"{paid.row.id} was paid and is nobody's" for paid in bought]
                continue
            wrong += _rivals(account, bought)
            of_kind = [paid for paid in bought if paid.plan.kind == "namespace"]
            mine = standing.pop(account, [])
            if of_kind:
                # What was given back because there was no room for it never counted.
                counted = [paid for paid in of_kind if refused_at(world, paid) is None]
                wrong += _compare(world, account, _expected(counted, now, kept), mine)
        wrong += [
            f"{account} has {mine[0].namespace} and never paid"
            for account, mine in standing.items()
            if any(tenant.uid for tenant in mine)
        ]
        return wrong + _orphans(world)


def _rivals(account: str, bought: list[Paid]) -> list[str]:
    live = [paid for paid in bought if paid.live]
    return [
        f"{account} still pays for {one.row.id} and {other.row.id}, and can have only one"
        for place, one in enumerate(live)
        for other in live[place + 1 :]
        if rival(one, other)
    ]


def _kept_until(world: "World") -> datetime | None:
    """Return until when news of an end may have been kept by who did not know their kind.

    A grace begins when its end is heard of, so it may have begun only then.
    """
    return next(
        (
            fault.until
            for fault in world.faults
            if isinstance(fault, OlderVersion)
            and fault.kept == ProviderSubscription.DESCRIPTOR.full_name
        ),
        None,
    )


def _expected(counted: list[Paid], now: datetime, kept: datetime | None) -> Expected:
    if any(paid.live for paid in counted):
        return Expected.RUNNING
    if not counted:
        return Expected.NOTHING
    ended = [(paid.row.over_at, paid) for paid in counted]
    if any(at is None for at, _ in ended):
        # Unpaid or paused: kept, whatever its time.
        return Expected.SUSPENDED
    left = max(at + paid.plan.retention for at, paid in ended if at is not None) - now
    if left > _SLACK:
        return Expected.SUSPENDED
    longest = max(paid.plan.retention for paid in counted)
    heard_late = kept is not None and kept + longest > now
    return Expected.EITHER if left > -_SLACK or heard_late else Expected.NOTHING


def _compare(world: "World", account: str, expected: Expected, mine: list[Tenant]) -> list[str]:
    found = [(tenant, _inside(world, tenant)) for tenant in mine]
    there = [(tenant, parts) for tenant, parts in found if parts is not None]
    if len(there) > 1:
        return [f"{account} has {len(there)} namespaces"]
    if not there:
        if expected in (Expected.NOTHING, Expected.EITHER):
            return []
        states = [(tenant.phase.value, tenant.reason) for tenant in mine]
        return [f"{account} should have {expected}, and has none: {states}"]
    tenant, parts = there[0]
    assert parts is not None
    if expected is Expected.NOTHING:
        state = (tenant.phase.value, tenant.order.phase.value, tenant.reason)
        return [f"{account} should have nothing, and has {tenant.namespace}: {state}"]
    running = expected is Expected.RUNNING
    return _complete(account, tenant, parts, running=running)


def _complete(
    account: str, tenant: Tenant, parts: dict[tuple[str, str], Live], *, running: bool
) -> list[str]:
    owner = ("RoleBinding", naming.OWNER_BINDING)
    wanted = EVERYTHING if running else EVERYTHING - {owner}
    phase = TenantPhase.READY if running else TenantPhase.SUSPENDED
    wrong = []
    if set(parts) != wanted:
        missing, more = sorted(wanted - set(parts)), sorted(set(parts) - wanted)
        wrong.append(f"{account} lacks {missing} and has {more} in {tenant.namespace}")
    if tenant.phase is not phase:
        wrong.append(f"{account}'s tenant is {tenant.phase} ({tenant.reason}), not {phase}")
    deployment = parts.get(("Deployment", naming.SESSIONS))
    if deployment is not None and bool(deployment.replicas) != running:
        wrong.append(f"{account} has {deployment.replicas} replicas and runs: {running}")
    old = sorted({live.version for live in parts.values()} - {tenant.version})
    if old:
        wrong.append(f"objects of {account} are of {old} and not of {tenant.version}")
    return wrong


def _inside(world: "World", tenant: Tenant) -> dict[tuple[str, str], Live] | None:
    """Return what stands in a tenant's namespace; None if it does not stand."""
    store = world.cluster.store
    namespace = store.objects.get(Ref("v1", "Namespace", "", tenant.namespace))
    if namespace is None or namespace.label(naming.LABEL_TENANT) != tenant.id:
        return None
    inside = store.inside.get(tenant.namespace, {})
    return {(ref.kind, ref.name): store.objects[ref] for ref in inside}


def _orphans(world: "World") -> list[str]:
    tenants = reading.tenants(world)
    wrong = []
    for ref, live in world.cluster.objects.items():
        tenant_id = live.label(naming.LABEL_TENANT)
        if ref.kind != "Namespace" or not tenant_id:
            continue
        tenant = tenants.get(tenant_id)
        if tenant is None or tenant.namespace != ref.name or tenant.uid != live.uid:
            wrong.append(f"namespace {ref.name} is of {tenant_id}, which does not know it")
    return wrong
