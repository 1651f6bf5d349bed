"""Dry runs as messages."""

from services.chassis.paging import Page
from services.pricing.convert.catalogs import INTERVALS, to_proto_money
from services.pricing.domain import Interval
from services.pricing.versions import Effect, Outcome, Subject, Total
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1 import pricing_service_pb2 as pb

_SUBJECTS = {
    Subject.SUBSCRIPTION: pricing_pb2.VersionEffect.SUBJECT_SUBSCRIPTION,
    Subject.QUOTE: pricing_pb2.VersionEffect.SUBJECT_QUOTE,
    Subject.BUDGET: pricing_pb2.VersionEffect.SUBJECT_BUDGET,
}


def to_proto_outcome(outcome: Outcome, page: Page[Effect]) -> pb.DryRunVersionResponse:
    """Convert what a dry run found, with one page of its effects."""
    return pb.DryRunVersionResponse(
        catalog=outcome.catalog,
        version=outcome.version,
        active_version=outcome.active_version,
        unchanged=outcome.version == outcome.active_version,
        effects=[_effect(one) for one in page.items],
        effect_count=len(outcome.effects),
        totals=[_total(one) for one in outcome.totals],
        unknown=outcome.unknown,
        findings=outcome.findings,
        next_page_token=page.next_token,
    )


def _effect(effect: Effect) -> pricing_pb2.VersionEffect:
    return pricing_pb2.VersionEffect(
        subject=_SUBJECTS[effect.subject],
        name=effect.name,
        account=effect.account,
        before=to_proto_money(effect.before) if effect.before else None,
        after=to_proto_money(effect.after) if effect.after else None,
        interval=_interval(effect.interval),
        immediate=effect.immediate,
        changes=effect.changes,
        unknown=effect.unknown,
    )


def _total(total: Total) -> pricing_pb2.VersionTotal:
    return pricing_pb2.VersionTotal(
        subject=_SUBJECTS[total.subject],
        interval=_interval(total.interval),
        count=total.count,
        before=to_proto_money(total.before),
        after=to_proto_money(total.after),
    )


def _interval(interval: Interval | None) -> pricing_pb2.Interval.ValueType:
    return INTERVALS[interval] if interval else pricing_pb2.INTERVAL_UNSPECIFIED
