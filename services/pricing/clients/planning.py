"""Pricing's dry runs over gRPC, as an operator asks for them from a command line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio

from services.chassis.money import Money
from services.chassis.status import from_rpc_error
from tollgate.common.v1 import money_pb2
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1 import pricing_service_pb2 as pb
from tollgate.pricing.v1.pricing_service_pb2_grpc import PricingServiceStub

_PAGE = 1000
_TIMEOUT = 60
_SUBJECTS = {
    pricing_pb2.VersionEffect.SUBJECT_SUBSCRIPTION: "subscription",
    pricing_pb2.VersionEffect.SUBJECT_QUOTE: "quote",
    pricing_pb2.VersionEffect.SUBJECT_BUDGET: "budget",
}
_INTERVALS = {
    pricing_pb2.INTERVAL_ONCE: "once",
    pricing_pb2.INTERVAL_MONTH: "month",
    pricing_pb2.INTERVAL_YEAR: "year",
}


@dataclass(frozen=True, slots=True)
class Access:
    """Where pricing's public listener is, the operator's token, and the authority, if TLS."""

    target: str
    token: str
    authority: Path | None = None


@dataclass(frozen=True, slots=True)
class PlannedEffect:
    """What would be touched; amounts are None where nothing is known, or nothing differs."""

    subject: str
    name: str
    account: str
    before: Money | None
    after: Money | None
    interval: str
    immediate: bool
    changes: Sequence[str]
    unknown: str


@dataclass(frozen=True, slots=True)
class PlannedTotal:
    """What effects come to."""

    subject: str
    interval: str
    count: int
    before: Money
    after: Money


@dataclass(frozen=True, slots=True)
class Planned:
    """What a dry run found: as many effects as were asked for, out of ``effect_count``."""

    catalog: str
    version: str
    active_version: str
    unchanged: bool
    effects: Sequence[PlannedEffect]
    effect_count: int
    totals: Sequence[PlannedTotal]
    unknown: Sequence[str]
    findings: Sequence[str]


async def plan_version(
    access: Access, text: str, file_name: str, *, rate_card: bool, most: int
) -> Planned:
    """Ask what a new version would touch; a refusal of pricing's if it cannot say."""
    request = pb.DryRunVersionRequest(file_name=file_name, page_size=min(most, _PAGE))
    if rate_card:
        request.rate_card = text
    else:
        request.catalog = text
    metadata = (("authorization", f"Bearer {access.token}"),)
    effects: list[pricing_pb2.VersionEffect] = []
    async with _channel(access) as channel:
        stub = PricingServiceStub(channel)
        while True:
            try:
                page = await stub.DryRunVersion(request, metadata=metadata, timeout=_TIMEOUT)
            except grpc.aio.AioRpcError as error:
                raise from_rpc_error(error) from None
            effects += page.effects
            if len(effects) >= most or not page.next_page_token:
                return _planned(page, effects[:most])
            request.page_token = page.next_page_token


def _channel(access: Access) -> grpc.aio.Channel:
    if access.authority is None:
        return grpc.aio.insecure_channel(access.target)
    roots = access.authority.read_bytes()
    return grpc.aio.secure_channel(access.target, grpc.ssl_channel_credentials(roots))


def _planned(
    answer: pb.DryRunVersionResponse, effects: Sequence[pricing_pb2.VersionEffect]
) -> Planned:
    return Planned(
        catalog=answer.catalog,
        version=answer.version,
        active_version=answer.active_version,
        unchanged=answer.unchanged,
        effects=[_effect(one) for one in effects],
        effect_count=answer.effect_count,
        totals=[
            PlannedTotal(
                _SUBJECTS.get(one.subject, "other"),
                _INTERVALS.get(one.interval, ""),
                one.count,
                _money(one.before),
                _money(one.after),
            )
            for one in answer.totals
        ],
        unknown=list(answer.unknown),
        findings=list(answer.findings),
    )


def _effect(effect: pricing_pb2.VersionEffect) -> PlannedEffect:
    return PlannedEffect(
        subject=_SUBJECTS.get(effect.subject, "other"),
        name=effect.name,
        account=effect.account,
        before=_money(effect.before) if effect.HasField("before") else None,
        after=_money(effect.after) if effect.HasField("after") else None,
        interval=_INTERVALS.get(effect.interval, ""),
        immediate=effect.immediate,
        changes=list(effect.changes),
        unknown=effect.unknown,
    )


def _money(message: money_pb2.Money) -> Money:
    return Money(message.currency, message.minor_units)
