"""From what was observed of a tenant to its cost records.

A pure function of the set of observations: in which order they came, and how often, does not
matter. One that comes late splits or corrects what stood before it came.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from services.chassis.ids import derived
from services.pricing.capacity import Capacity
from services.pricing.costs.domain import CostRecord, Observation, second_of
from services.pricing.costs.rating import CardHistory, monthly_rate, sizes_of, standing


@dataclass(frozen=True, slots=True)
class Segment:
    """A time, in seconds of the epoch, in which what costs did not change.

    ``told`` is the observation that began it, ``end`` None while it lasts.
    """

    told: Observation
    capacity: Capacity
    begin: int
    end: int | None


def segments(observations: Iterable[Observation]) -> list[Segment]:
    """Return when what stood, the oldest first.

    Observations count in the order of their revisions; one whose clock was behind is taken to be
    as late as the one before it. Of those within a second the last one counts.
    """
    found: list[Segment] = []
    for second, told in _by_second(observations):
        capacity = standing(told)
        last = found[-1] if found and found[-1].end is None else None
        if last is not None and capacity is not None and _same(last, told, capacity):
            continue
        if last is not None:
            found[-1] = replace(last, end=second)
        if capacity is not None:
            found.append(Segment(told, capacity, second, None))
    return found


def records(observations: Iterable[Observation], history: CardHistory) -> list[CostRecord]:
    """Return the cost records of one tenant, the oldest first."""
    return [_record(segment, history) for segment in segments(observations)]


def unknown_regions(observations: Iterable[Observation], history: CardHistory) -> set[str]:
    """Return the regions that cost as the default one does, since their card does not know them."""
    return {
        segment.told.region
        for segment in segments(observations)
        if segment.told.region and segment.told.region not in history.at(segment.begin).regions
    }


def _record(segment: Segment, history: CardHistory) -> CostRecord:
    told, card = segment.told, history.at(segment.begin)
    region = told.region or card.default_region
    return CostRecord(
        name=derived("cost", told.tenant, str(told.revision)),
        tenant=told.tenant,
        revision=told.revision,
        account=told.account,
        user=told.user,
        team=told.team,
        organization=told.organization,
        plan=told.plan,
        region=region,
        namespace=told.namespace,
        capacity=segment.capacity,
        begin=segment.begin,
        end=segment.end,
        monthly_rate=monthly_rate(card, region, sizes_of(segment.capacity)),
        currency=card.currency,
        hours_per_month=card.hours_per_month,
        rate_card_version=card.version,
    )


def _same(segment: Segment, told: Observation, capacity: Capacity) -> bool:
    return segment.capacity == capacity and _payer(segment.told) == _payer(told)


def _payer(told: Observation) -> tuple[str, ...]:
    return told.account, told.user, told.team, told.organization, told.plan, told.region


def _by_second(observations: Iterable[Observation]) -> list[tuple[int, Observation]]:
    at: dict[int, Observation] = {}
    latest = 0
    for told in _completed(sorted_once(observations)):
        latest = max(latest, second_of(told.observe_time))
        at[latest] = told
    return list(at.items())


def sorted_once(observations: Iterable[Observation]) -> list[Observation]:
    """Return each revision once, in order."""
    by_revision = {told.revision: told for told in observations}
    return [by_revision[revision] for revision in sorted(by_revision)]


def _completed(ordered: Sequence[Observation]) -> list[Observation]:
    """Say of each observation whose it was, where only others of the tenant tell.

    Older versions of the provisioner did not tell it: who is named before, else after, it was.
    """
    users = _carried([told.user for told in ordered])
    organizations = _carried([told.organization for told in ordered])
    teams = _carried([told.team for told in ordered])
    return [
        replace(told, user=user, organization=organization, team=team)
        for told, user, organization, team in zip(ordered, users, organizations, teams, strict=True)
    ]


def _carried(named: Sequence[str]) -> list[str]:
    carried: list[str] = []
    last = next((name for name in named if name), "")
    for name in named:
        last = name or last
        carried.append(last)
    return carried
