"""A rate card with every kind of discount, and ways to ask for prices of it."""

from datetime import date
from decimal import Decimal

from services.chassis.money import Money
from services.pricing.costing import (
    CommitmentRequest,
    Cost,
    DeploymentRequest,
    ResourceRequest,
    calculate,
    checked,
)
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.rates import Upfront

TODAY = date(2026, 6, 1)
TEXT = """\
currency: usd
cloud: home
default_region: north
hours_per_month: 100
rates: {cpu_core_hour: "1", memory_gb_hour: "0.5", storage_gb_month: "2"}
regions: {north: "1", south: "1.5"}
backup_plans: {none: "0", basic: "0.1"}
features: {monitoring: "10", ssl: "5.55"}
volume_discounts:
  - name: compute
    of: cpu
    mode: graduated
    bands: [{above: "1000", off: "0.1"}, {above: "3000", off: "0.2"}]
  - name: archive
    of: storage
    mode: volume
    bands: [{above: "100", off: "0.05"}, {above: "200", off: "0.15"}]
  - name: large
    of: total
    bands: [{above: "5000", off: "0.01"}]
commitments:
  1: {none: "0.2", partial: "0.25", all: "0.3"}
  3: {partial: "0.4", all: "0.5"}
  partial_upfront: "0.4"
account_tiers:
  partner: {off: "0.1", display_name: Partner}
  wholesale: {rates: {cpu_core_hour: "0.5", memory_gb_hour: "0.25", storage_gb_month: "1"}}
coupons:
  LAUNCH20: {off: "0.2", until: 2026-12-31}
  TEN: {amount: "10.00"}
  HOME: {off: "0.5", clouds: [home], types: [web]}
clouds:
  aws:
    rates: {cpu_core_hour: "0.9", memory_gb_hour: "0.6", storage_gb_month: "2.5"}
    regions: {us-1: "1", eu-1: "1.2"}
    default_region: us-1
    features: {monitoring: "12"}
    volume_discounts: []
    commitments: {1: {none: "0.1"}}
  metal:
    regions: {north: "0.8"}
    backup_plans: {none: "0"}
payment_thresholds: {default: "100"}
limits: {cpu: 1024, memory: 16Ti, storage: 1024Ti}
"""
CARD = parse_rate_card(TEXT, "card.yaml")


def web(cpu: str = "", memory: str = "", storage: str = "", replicas: int = 1) -> ResourceRequest:
    """Return a resource of the type web."""
    return ResourceRequest("web", cpu, memory, storage, replicas)


def term(years: int, upfront: Upfront | None) -> CommitmentRequest:
    """Return a commitment as it is asked for."""
    return CommitmentRequest(years, upfront)


def cost_of(asked: DeploymentRequest, tier: str = "") -> Cost:
    """Return what this costs by the card above."""
    return calculate(CARD, checked(CARD, asked, TODAY), tier)


def usd(text: str) -> Money:
    """Return dollars."""
    return Money("usd", int(Decimal(text) * 100))
