"""Whether an organization's quota and annotations say what it paid for."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from services.chassis import quantities
from tests.chaos.judging.case import Case, Finding
from tests.chaos.plan import Standing

_PREFIX = "billing.kube-dc.com/"
_QUOTA = "plan-quota"
_WORDS = {Standing.RUNNING: ("active",), Standing.SUSPENDED: ("suspended", "canceled")}
_MEASURED = {"cpu": "requests.cpu", "memory": "requests.memory", "storage": "requests.storage"}


def judge_organization(case: Case) -> Iterator[Finding]:
    """Return what is wrong with an organization's objects."""
    allowed = _allowed(case)
    said = _annotations(case)
    if case.standing is Standing.NOTHING:
        if allowed or f"{_PREFIX}plan-id" in said:
            yield case.wrong(f"never paid and has the quota {dict(allowed)} and says {dict(said)}")
        return
    tenants = [
        row for row in case.of_account("provisioner.tenants") if row["ordered_phase"] != "DELETED"
    ]
    if len(tenants) != 1:
        yield case.wrong(f"has {len(tenants)} live tenants")
    state = said.get(f"{_PREFIX}subscription", "")
    if state not in _WORDS[case.standing]:
        yield case.wrong(f"is {case.standing.value} and says {state!r}")
    plan = case.purchase.final_plan
    if said.get(f"{_PREFIX}plan-id") != plan.rpartition("/")[2]:
        yield case.wrong(f"paid for {plan} and says {said.get(f'{_PREFIX}plan-id')!r}")
    wanted = _wanted(case)
    found = {name: allowed.get(name, Decimal(0)) for name in wanted}
    if found != wanted:
        yield case.wrong(f"its quota allows {_told(found)}, not {_told(wanted)}")


def _wanted(case: Case) -> dict[str, Decimal]:
    """Return what its quota objects have to allow together."""
    provisions = case.sold[case.purchase.final_plan].provisions
    suspended = case.standing is Standing.SUSPENDED
    base = provisions["suspended_quota"] if suspended else provisions["quota"]
    wanted = {
        _MEASURED[name]: quantities.parse(str(base[name])) for name in _MEASURED if name in base
    }
    for addon in () if suspended else case.purchase.addons:
        adds: Mapping[str, Any] = case.sold[f"kube-dc/{addon}"].provisions
        for name, measured in _MEASURED.items():
            wanted[measured] += quantities.parse(str(adds.get(name, 0)))
    return wanted


def _allowed(case: Case) -> dict[str, Decimal]:
    """Return what its quota objects allow together, the organization's own and its project's."""
    name = case.purchase.name
    allowed: dict[str, Decimal] = defaultdict(Decimal)
    for item in case.evidence.objects.get("ResourceQuota", []):
        metadata = item["metadata"]
        if metadata["name"] == _QUOTA and metadata["namespace"] in (name, f"{name}-web"):
            for resource, amount in item["spec"]["hard"].items():
                allowed[resource] += quantities.parse(amount)
    return allowed


def _annotations(case: Case) -> Mapping[str, str]:
    for item in case.evidence.objects.get("Organization", []):
        if item["metadata"]["name"] == case.purchase.name:
            annotations: Mapping[str, str] = item["metadata"].get("annotations") or {}
            return annotations
    return {}


def _told(amounts: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{name} {amount.normalize():f}" for name, amount in amounts.items())
