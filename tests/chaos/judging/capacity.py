"""Whether what stands in the cluster is what was paid: orders, tenants, namespaces."""

from collections.abc import Iterable, Iterator

from tests.chaos.evidence import Evidence, Row
from tests.chaos.judging.case import Case, Finding
from tests.chaos.judging.namespaces import wrong_inside
from tests.chaos.judging.organizations import judge_organization
from tests.chaos.plan import Standing

ACCOUNT = "tollgate.dev/account"
_PHASES = {"RUNNING": "READY", "SUSPENDED": "SUSPENDED", "DELETED": "DELETED"}


def judge_capacity(cases: Iterable[Case], evidence: Evidence) -> Iterator[Finding]:
    """Return what is wrong with the capacity of each purchase, and what stands for nobody."""
    expected: set[str] = set()
    for case in cases:
        yield from _agreement(case)
        if case.is_organization:
            yield from judge_organization(case)
        else:
            yield from _namespace(case, expected)
    for item in evidence.objects.get("Namespace", []):
        name = item["metadata"]["name"]
        if ACCOUNT in item["metadata"].get("labels", {}) and name not in expected:
            yield Finding("", f"the namespace {name} stands for nobody who paid")


def _agreement(case: Case) -> Iterator[Finding]:
    """Orders, tenants and what was observed have to say the same."""
    orders = {row["incarnation"]: row for row in case.of_account("subscription.orders")}
    tenants = {row["incarnation"]: row for row in case.of_account("provisioner.tenants")}
    seen = {row["incarnation"]: row for row in case.of_account("subscription.observations")}
    if not orders.keys() == tenants.keys() == seen.keys():
        yield case.wrong(
            f"incarnations ordered {sorted(orders)}, made {sorted(tenants)}, seen {sorted(seen)}"
        )
        return
    for number, order in orders.items():
        tenant = tenants[number]
        asked = (order["epoch"], order["generation"], order["phase"])
        held = (tenant["epoch"], tenant["generation"], tenant["ordered_phase"])
        if asked != held:
            yield case.wrong(f"ordered is {asked}, the provisioner holds {held}")
        done = (tenant["observed_generation"], tenant["phase"])
        if done != (order["generation"], _PHASES[order["phase"]]) and not _nothing(order):
            yield case.wrong(f"ordered is {asked}, done is {done} ({tenant['reason']})")
        told = (seen[number]["generation"], seen[number]["phase"].upper())
        if told != done:
            yield case.wrong(f"done is {done}, subscription heard {told}")


def _nothing(order: Row) -> bool:
    return bool(order["capacity_kind"] == "NOTHING")


def _namespace(case: Case, expected: set[str]) -> Iterator[Finding]:
    tenants = case.of_account("provisioner.tenants")
    live = [row for row in tenants if row["ordered_phase"] != "DELETED"]
    standing = [
        item
        for item in case.evidence.objects.get("Namespace", [])
        if item["metadata"].get("labels", {}).get(ACCOUNT, "") in case.accounts
    ]
    names = sorted(item["metadata"]["name"] for item in standing)
    expected.update(names if case.standing in (Standing.RUNNING, Standing.SUSPENDED) else ())
    if case.standing in (Standing.NOTHING, Standing.GONE):
        if names or live:
            yield case.wrong(f"is {case.standing.value} and has {names or live}")
        return
    # Somebody who canceled before the payment was heard of may never have had one.
    least = 1 if case.standing is Standing.RUNNING else 0
    if not least <= len(live) <= 1 or len(names) != len(live):
        yield case.wrong(f"has {len(live)} live tenants and the namespaces {names}")
        return
    for tenant, item in zip(live, standing, strict=True):
        yield from _identity(case, tenant, item["metadata"])
        running = case.standing is Standing.RUNNING
        if (tenant["ordered_phase"] == "RUNNING") is not running:
            yield case.wrong(f"is {case.standing.value} and ordered {tenant['ordered_phase']}")
            continue
        provisions = case.sold[case.purchase.final_plan].provisions
        for what in wrong_inside(
            provisions, tenant, case.evidence.inside(names[0]), running=running
        ):
            yield case.wrong(f"{names[0]}: {what}")


def _identity(case: Case, tenant: Row, metadata: Row) -> Iterator[Finding]:
    stands = (metadata["name"], metadata["uid"])
    if stands != (tenant["namespace"], tenant["uid"]):
        yield case.wrong(f"{stands} stands, {tenant['namespace'], tenant['uid']} is known")
    if metadata.get("deletionTimestamp"):
        yield case.wrong(f"{metadata['name']} is going")
    if metadata["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
        yield case.wrong(f"{metadata['name']} is open to pods that are not restricted")
