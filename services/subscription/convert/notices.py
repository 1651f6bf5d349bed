"""Budgets of which thresholds were passed: pricing's facts, and what people read of them."""

from services.chassis.facts import FactRecord
from services.subscription.convert.values import (
    from_proto_money,
    time_of,
    to_proto_money,
    to_timestamp,
)
from services.subscription.noticing import Basis, BudgetNotice, PassedThreshold
from tollgate.pricing.v1 import cost_pb2, events_pb2
from tollgate.subscription.v1 import subscription_pb2

_BASES = {one: cost_pb2.BudgetThreshold.Basis.Value(f"BASIS_{one.value}") for one in Basis}
_READ_BASES = {number: basis for basis, number in _BASES.items()}


def from_alerted(record: FactRecord) -> BudgetNotice:
    """Read a fact of pricing; ValueError if it can never be taken."""
    message = events_pb2.BudgetAlerted.FromString(record.payload)
    if record.revision < 1:
        raise ValueError(f"a state fact has a revision from 1, not {record.revision}")
    if not message.budget:
        raise ValueError("budget is missing")
    return BudgetNotice(
        budget=message.budget,
        revision=record.revision,
        account=message.filter.account,
        user=message.filter.user,
        organization=message.filter.organization,
        display_name=message.display_name,
        month=message.month,
        amount=from_proto_money(message.amount),
        passed=tuple(_passed(one) for one in message.passed),
    )


def to_proto_notice(notice: BudgetNotice) -> subscription_pb2.BudgetNotice:
    """Write what an account is shown of a budget."""
    return subscription_pb2.BudgetNotice(
        budget=notice.budget,
        display_name=notice.display_name,
        month=notice.month,
        amount=to_proto_money(notice.amount),
        passed=[
            cost_pb2.PassedThreshold(
                threshold=cost_pb2.BudgetThreshold(percent=one.percent, basis=_BASES[one.basis]),
                found=to_proto_money(one.found),
                pass_time=to_timestamp(one.pass_time),
            )
            for one in notice.passed
        ],
    )


def _passed(message: cost_pb2.PassedThreshold) -> PassedThreshold:
    threshold = message.threshold
    basis = _READ_BASES.get(threshold.basis)
    if basis is None:
        raise ValueError(f"basis: {threshold.basis} is none that is known here")
    pass_time = time_of(message, "pass_time")
    if pass_time is None:
        raise ValueError("pass_time is missing")
    return PassedThreshold(threshold.percent, basis, from_proto_money(message.found), pass_time)
