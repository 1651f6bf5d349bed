"""Whether each payment counted once: accounts, purchases, invoices and refunds."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from tests.chaos.evidence import Evidence
from tests.chaos.judging.case import LIVE, MARKED_ACCOUNT, Case, Finding
from tests.chaos.plan import Outcome, Standing


def judge_money(cases: Iterable[Case], evidence: Evidence) -> Iterator[Finding]:
    """Return what is wrong with the money of each purchase, and with refunds as a whole."""
    cases = list(cases)
    for case in cases:
        if case.deed.problem or not case.deed.done:
            yield case.wrong(f"could not be played to its end: {case.deed.problem or 'unfinished'}")
            continue
        yield from _accounts(case)
        yield from _at_the_provider(case)
        yield from _purchases(case)
        yield from _invoices(case)
    yield from _refunds(cases, evidence)


def _accounts(case: Case) -> Iterator[Finding]:
    if len(case.accounts) > 1:
        yield case.wrong(f"has several accounts: {', '.join(case.accounts)}")
    if case.standing is Standing.NOTHING:
        if case.accounts and not case.is_organization:
            yield case.wrong(f"never paid and has the account {case.accounts[0]}")
    elif not case.accounts:
        yield case.wrong("paid and has no account")
    if case.is_organization and case.account:
        yield from _made_once(case)


def _made_once(case: Case) -> Iterator[Finding]:
    """What payments made at the provider for an organization: one customer and one page."""
    for kind in ("customers", "checkout/sessions"):
        found = [
            item["id"]
            for item in case.evidence.provider.get(kind, [])
            if item["metadata"].get(MARKED_ACCOUNT) == case.account
        ]
        if len(found) != 1:
            yield case.wrong(f"there are {len(found)} {kind} for it at the provider: {found}")


def _at_the_provider(case: Case) -> Iterator[Finding]:
    found = case.of_customer("subscriptions")
    live = [item for item in found if item["status"] in LIVE]
    wanted = 1 if case.standing is Standing.RUNNING else 0
    if len(live) != wanted:
        told = {item["id"]: item["status"] for item in found}
        yield case.wrong(
            f"the provider bills {len(live)} subscriptions instead of {wanted}: {told}"
        )
    if case.standing is Standing.NOTHING and found:
        yield case.wrong(f"never paid and has subscriptions at the provider: {len(found)}")
    for item in live:
        price = case.sold[case.purchase.final_plan].prices[case.interval]
        prices = [entry["price"]["id"] for entry in item["items"]["data"]]
        if price not in prices:
            yield case.wrong(f"the provider bills {prices}, not {price}")


def _purchases(case: Case) -> Iterator[Finding]:
    rows = {row["checkout_id"]: row for row in case.of_account("subscription.purchases")}
    completed = {
        item["id"] for item in case.of_customer("checkout/sessions") if item["status"] == "complete"
    }
    if rows.keys() != completed:
        yield case.wrong(f"paid {sorted(completed)}, known are {sorted(rows)}")
    words = sorted(_word(row) for row in rows.values())
    wanted = ["applied"] * len(completed)
    if case.purchase.outcome is Outcome.TWICE:
        wanted = ["applied", "refunded"]
    if words != wanted:
        told = [(row["checkout_id"], row["status"], row["reason"]) for row in rows.values()]
        yield case.wrong(f"its payments are {words}, not {wanted}: {told}")


def _word(row: object) -> str:
    assert isinstance(row, dict)
    if row["refund_time"]:
        return "refunded"
    return str(row["status"]).lower().replace("_", " ")


def _invoices(case: Case) -> Iterator[Finding]:
    known = {row["invoice_id"]: row["paid"] for row in case.of_account("subscription.invoices")}
    paid = {
        item["id"]: item["amount_paid"]
        for item in case.of_customer("invoices")
        if item["status"] == "paid"
    }
    if known != paid:
        yield case.wrong(f"paid the invoices {paid}, known are {known}")


def _refunds(cases: list[Case], evidence: Evidence) -> Iterator[Finding]:
    """What was paid twice is given back once, and nothing else is."""
    charged = {item["id"]: item["customer"] for item in evidence.provider.get("charges", [])}
    given: dict[str, list[int]] = defaultdict(list)
    for refund in evidence.provider.get("refunds", []):
        given[charged.get(refund["charge"], "")].append(refund["amount"])
    for case in cases:
        twice = case.purchase.outcome is Outcome.TWICE
        wanted = [case.sold[case.purchase.plan].cents[case.interval]] if twice else []
        found = given.pop(case.deed.customer, []) if case.deed.customer else []
        if found != wanted:
            yield case.wrong(f"was given back {found}, not {wanted}")
    for customer, amounts in given.items():
        yield Finding("", f"{amounts} was given back to {customer or 'nobody'}")
