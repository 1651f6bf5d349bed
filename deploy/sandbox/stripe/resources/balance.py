"""The account's balance and the transactions that make it."""

from deploy.sandbox.stripe import paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call
from deploy.sandbox.stripe.ledger import KIND
from deploy.sandbox.stripe.shapes import JsonObject

LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "created": params.time_range(),
    "currency": params.text(longest=3),
    "source": params.text(),
    "type": params.one_of("adjustment", "charge", "refund", "refund_failure"),
}


def retrieve_balance(call: Call) -> JsonObject:
    """GET /v1/balance: what may be paid out, and what still has to settle."""
    settled: dict[str, int] = {}
    waiting: dict[str, int] = {}
    for item in call.tx.newest(KIND):
        sums = settled if item["available_on"] <= call.now else waiting
        sums[item["currency"]] = sums.get(item["currency"], 0) + item["net"]
    return {
        "object": "balance",
        "available": _amounts(settled),
        "connect_reserved": [],
        "livemode": False,
        "pending": _amounts(waiting),
    }


def _amounts(sums: dict[str, int]) -> list[JsonObject]:
    shown = sums or {"usd": 0}
    return [
        {"amount": amount, "currency": currency, "source_types": {"card": amount}}
        for currency, amount in sorted(shown.items())
    ]


def _current(call: Call, item: JsonObject) -> JsonObject:
    status = "available" if item["available_on"] <= call.now else "pending"
    return {**item, "status": status}


def retrieve(call: Call) -> JsonObject:
    """GET /v1/balance_transactions/:id."""
    return _current(call, call.tx.need(KIND, call.path["id"], "id"))


def list_all(call: Call) -> JsonObject:
    """GET /v1/balance_transactions, by source, type or currency."""
    by = ("currency", "source", "type")
    found = paging.page(call, KIND, "/v1/balance_transactions", by=by)
    found["data"] = [_current(call, item) for item in found["data"]]
    return found


ROUTES = (
    Route("GET", "/v1/balance", retrieve_balance, {}),
    Route("GET", "/v1/balance_transactions", list_all, LIST_FIELDS),
    Route("GET", "/v1/balance_transactions/{id}", retrieve, {}),
)
