"""What is told of budgets, as facts; the payload is also what the store keeps."""

from datetime import UTC

from services.chassis.facts import FactRecord
from services.chassis.ids import derived
from services.chassis.telemetry import current_traceparent
from services.pricing.convert.catalogs import to_proto_money
from services.pricing.convert.costs import from_proto_money
from services.pricing.costs.convert.budgets import from_proto_threshold, to_proto_threshold
from services.pricing.costs.convert.facts import to_time
from services.pricing.costs.convert.reports import from_proto_filter, to_proto_filter
from services.pricing.costs.notices import Notice, Passed
from tollgate.pricing.v1 import cost_pb2, events_pb2

SUBSCRIPTION = "subscription"
ALERTED = events_pb2.BudgetAlerted.DESCRIPTOR.full_name


def notice_fact(notice: Notice) -> FactRecord:
    """Write the fact; a replay makes the same id."""
    message = events_pb2.BudgetAlerted(
        budget=notice.budget,
        display_name=notice.display_name,
        filter=to_proto_filter(notice.filter),
        month=notice.month,
        amount=to_proto_money(notice.amount),
        passed=[
            cost_pb2.PassedThreshold(
                threshold=to_proto_threshold(one.threshold),
                found=to_proto_money(one.found),
                pass_time=to_time(one.pass_time),
            )
            for one in notice.passed
        ],
    )
    return FactRecord(
        id=derived("fct", "pricing", "budget", notice.budget, str(notice.revision)),
        key=f"budget:{notice.budget}",
        revision=notice.revision,
        type=ALERTED,
        payload=message.SerializeToString(deterministic=True),
        destinations=(SUBSCRIPTION,),
        traceparent=current_traceparent(),
    )


def decode_notice(revision: int, budget_revision: int, payload: bytes) -> Notice:
    """Read back what ``notice_fact`` wrote."""
    message = events_pb2.BudgetAlerted.FromString(payload)
    return Notice(
        budget=message.budget,
        revision=revision,
        budget_revision=budget_revision,
        display_name=message.display_name,
        filter=from_proto_filter(message.filter),
        month=message.month,
        amount=from_proto_money(message.amount),
        passed=tuple(
            Passed(
                from_proto_threshold(one.threshold),
                from_proto_money(one.found),
                one.pass_time.ToDatetime(UTC),
            )
            for one in message.passed
        ),
    )
