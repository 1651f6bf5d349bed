"""Dividing a cap: what holds for every cap, every usage, and every step of writing it."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.provisioner.organization.dividing import Share, divide, grown, shrunk, stands

NAMES = tuple("abcdef")
AMOUNT = st.integers(0, 1000)
USED = st.dictionaries(st.sampled_from(NAMES), AMOUNT, min_size=1)


@st.composite
def boards(draw: st.DrawFn) -> tuple[int, dict[str, Share]]:
    """A cap, and parts that may be anything: of a larger cap, edited by hand, not enforced yet."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    share = st.builds(Share, AMOUNT, st.none() | AMOUNT, AMOUNT, st.sampled_from([0, 1, 8]))
    shares = {name: draw(share) for name in names}
    shares[names[0]] = replace(shares[names[0]], weight=1)
    return draw(AMOUNT), shares


def parts_of(cap: int, shares: Mapping[str, Share]) -> dict[str, int]:
    weights = {name: share.weight for name, share in shares.items()}
    return divide(cap, {name: share.used for name, share in shares.items()}, weights)


def written(shares: Mapping[str, Share], parts: Mapping[str, int]) -> dict[str, Share]:
    """Return the shares with what was written; the cluster enforces the old part still."""
    return {
        name: replace(
            share,
            given=parts[name],
            enforced=share.given if share.enforced is None else share.enforced,
        )
        for name, share in shares.items()
    }


def enforced(shares: Mapping[str, Share]) -> dict[str, Share]:
    """Return the shares once the cluster enforces what was written."""
    return {name: replace(share, enforced=share.given) for name, share in shares.items()}


@given(AMOUNT, USED)
def test_the_parts_are_the_whole_cap_and_never_more(cap: int, used: dict[str, int]) -> None:
    parts = divide(cap, used, dict.fromkeys(used, 1))
    assert sum(parts.values()) == cap
    assert all(part >= 0 for part in parts.values())


@given(AMOUNT, USED, st.sets(st.sampled_from(NAMES)))
def test_namespaces_that_are_going_grow_no_more(
    cap: int, used: dict[str, int], opened: set[str]
) -> None:
    parts = divide(cap, used, dict.fromkeys(opened, 1))
    assert sum(parts.values()) <= cap
    assert all(parts[name] <= used[name] for name in used if name not in opened)


@given(AMOUNT, USED)
def test_everything_in_use_stays_allowed_when_it_fits(cap: int, used: dict[str, int]) -> None:
    parts = divide(cap, used, dict.fromkeys(used, 1))
    if sum(used.values()) <= cap:
        free = [parts[name] - used[name] for name in used]
        assert min(free) >= 0
        assert max(free) - min(free) <= 1
    else:
        assert all(parts[name] <= used[name] for name in used)


@given(st.integers(0, 1000), st.integers(0, 5))
def test_what_is_free_goes_by_weight(cap: int, projects: int) -> None:
    weights = {"own": 1} | {f"p{number}": 8 for number in range(projects)}
    parts = divide(cap, dict.fromkeys(weights, 0), weights)
    assert sum(parts.values()) == cap
    for name, weight in weights.items():
        assert abs(parts[name] - cap * weight / sum(weights.values())) <= 1


@given(AMOUNT, USED)
def test_the_order_of_the_namespaces_does_not_matter(cap: int, used: dict[str, int]) -> None:
    weights = {name: place % 3 for place, name in enumerate(NAMES)}
    assert divide(cap, used, weights) == divide(cap, dict(reversed(used.items())), weights)


@given(boards())
def test_what_was_divided_stands_until_usage_moves(board: tuple[int, dict[str, Share]]) -> None:
    cap, shares = board
    parts = parts_of(cap, shares)
    divided = {name: replace(share, given=parts[name]) for name, share in shares.items()}
    assert stands(cap, divided)


@given(boards())
def test_parts_that_may_stay_are_never_more_than_the_cap(
    board: tuple[int, dict[str, Share]],
) -> None:
    cap, shares = board
    if stands(cap, shares):
        assert sum(share.given for share in shares.values()) <= cap


@given(st.integers(100, 1000), st.integers(1, 6), st.data())
def test_a_small_move_of_usage_writes_nothing(cap: int, count: int, data: st.DataObject) -> None:
    names = NAMES[:count]
    parts = divide(cap, dict.fromkeys(names, 0), dict.fromkeys(names, 1))
    fair = cap // count
    used = {name: data.draw(st.integers(0, fair // 2 - 1)) for name in names}
    assert stands(cap, {name: Share(parts[name], parts[name], used[name]) for name in names})


@given(boards())
def test_whoever_is_short_of_a_fair_share_is_given_one(
    board: tuple[int, dict[str, Share]],
) -> None:
    cap, shares = board
    free = cap - sum(share.used for share in shares.values())
    takers = [share for share in shares.values() if share.open]
    short = any(2 * (share.given - share.used) < free // len(takers) for share in takers)
    if free >= 0 and short:
        assert not stands(cap, shares)


@given(boards())
def test_shrinking_gives_nobody_more(board: tuple[int, dict[str, Share]]) -> None:
    cap, shares = board
    less = shrunk(parts_of(cap, shares), shares)
    assert all(less[name] <= share.given for name, share in shares.items())


@given(boards())
def test_no_step_gives_away_room_that_was_not_really_freed(
    board: tuple[int, dict[str, Share]],
) -> None:
    cap, shares = board
    parts = parts_of(cap, shares)
    smaller = written(shares, shrunk(parts, shares))
    larger = written(smaller, grown(cap, parts, smaller))
    # What may be in use at the worst: never beyond the cap, unless it was before.
    before = sum(share.reach for share in smaller.values())
    assert sum(share.reach for share in larger.values()) <= max(cap, before)
    assert sum(share.given for share in larger.values()) <= cap


@given(boards(), st.data())
def test_usage_that_moves_between_the_steps_never_leads_beyond_the_cap(
    board: tuple[int, dict[str, Share]], data: st.DataObject
) -> None:
    cap, shares = board
    parts = parts_of(cap, shares)
    smaller = written(shares, shrunk(parts, shares))
    # Meanwhile somebody takes up all that the cluster still lets through.
    raced = {
        name: replace(share, used=data.draw(st.integers(share.used, share.reach)))
        for name, share in smaller.items()
    }
    larger = written(raced, grown(cap, parts, raced))
    before = sum(share.reach for share in raced.values())
    assert sum(share.reach for share in larger.values()) <= max(cap, before)


@given(boards())
def test_once_the_cluster_enforces_it_everybody_has_what_is_due(
    board: tuple[int, dict[str, Share]],
) -> None:
    cap, shares = board
    parts = parts_of(cap, shares)
    smaller = enforced(written(shares, shrunk(parts, shares)))
    after = grown(cap, parts, smaller)
    used = sum(share.used for share in shares.values())
    if used <= cap:
        assert after == parts
    assert grown(cap, parts, enforced(written(smaller, after))) == after
