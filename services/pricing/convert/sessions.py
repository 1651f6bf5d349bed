"""What sessions cost and leave, as messages; amounts as exact decimals."""

from decimal import Decimal

from services.pricing.canonical import plain
from services.pricing.convert.catalogs import INTERVALS, to_proto_money
from services.pricing.domain import Interval
from services.pricing.sessions import Margin, SessionCost
from tollgate.pricing.v1 import pricing_pb2


def to_proto_session_cost(cost: SessionCost) -> pricing_pb2.SessionCost:
    """Convert what a session costs."""
    return pricing_pb2.SessionCost(
        currency=cost.currency,
        blocks=cost.blocks,
        charged=plain(cost.charged),
        infrastructure=plain(cost.infrastructure),
        margin=plain(cost.margin),
        credits=cost.credits,
    )


def to_proto_margin(plan: str, interval: Interval, margin: Margin) -> pricing_pb2.SessionMargin:
    """Convert what one price of a plan leaves."""
    return pricing_pb2.SessionMargin(
        plan=plan,
        interval=INTERVALS[interval],
        revenue=to_proto_money(margin.revenue),
        sessions=margin.sessions,
        infrastructure=plain(margin.infrastructure),
        provider_fees=plain(margin.provider_fees),
        gross_margin=plain(margin.gross),
        net_margin=plain(margin.net),
        gross_share=_share(margin.share(margin.gross)),
        net_share=_share(margin.share(margin.net)),
    )


def _share(share: Decimal | None) -> str:
    return "" if share is None else f"{share:f}"
