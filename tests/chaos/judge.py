"""Judges what is left when the storm is over: everything paid stands once, and nothing else."""

from collections.abc import Iterable, Mapping

from tests.chaos.catalogs import Sold
from tests.chaos.evidence import Evidence
from tests.chaos.judging.capacity import judge_capacity
from tests.chaos.judging.case import Finding, cases_of
from tests.chaos.judging.ledger import judge_ledger
from tests.chaos.judging.money import judge_money
from tests.chaos.judging.pipes import judge_pipes
from tests.chaos.people import Deed


def judge(deeds: Iterable[Deed], evidence: Evidence, sold: Mapping[str, Sold]) -> list[Finding]:
    """Return everything that is wrong; nothing if all is as it was paid."""
    cases = cases_of(deeds, evidence, sold)
    return [
        *judge_money(cases, evidence),
        *judge_capacity(cases, evidence),
        *judge_ledger(cases, evidence),
        *judge_pipes(evidence),
    ]


def fingerprint(evidence: Evidence) -> dict[str, list[str]]:
    """Return what telling everything again must not change."""
    namespaces = evidence.objects.get("Namespace", [])
    return {
        "namespaces": sorted(item["metadata"]["uid"] for item in namespaces),
        "ledger entries": sorted(
            row["name"] for row in evidence.table("subscription.credit_entries")
        ),
        "refunds": sorted(item["id"] for item in evidence.provider.get("refunds", [])),
        "customers": sorted(item["id"] for item in evidence.provider.get("customers", [])),
        "accounts": sorted(row["name"] for row in evidence.table("subscription.accounts")),
        "orders": sorted(
            f"{row['account']}/{row['incarnation']}/{row['generation']}"
            for row in evidence.table("subscription.orders")
        ),
    }
