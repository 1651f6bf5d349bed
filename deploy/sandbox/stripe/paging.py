"""Lists: newest first, `limit` from 1 to 100, a page after or before an object."""

from collections.abc import Callable, Iterable
from itertools import islice

from deploy.sandbox.stripe.context import Call
from deploy.sandbox.stripe.errors import invalid, no_such
from deploy.sandbox.stripe.shapes import JsonObject, copy_of, listing
from deploy.sandbox.stripe.state import INDEXED

DEFAULT_LIMIT = 10


def page(
    call: Call,
    kind: str,
    url: str,
    *,
    keep: Callable[[JsonObject], bool] = lambda _: True,
    by: tuple[str, ...] = (),
    label: str = "",
) -> JsonObject:
    """A page of the objects of a kind that pass `keep` and the parameters.

    `by` names the parameters that must equal the object's field.
    """
    params = call.params

    def wanted(item: JsonObject) -> bool:
        same = all(item.get(name) == params[name] for name in by if name in params)
        return same and within(item["created"], params.get("created", {})) and keep(item)

    matching = (item for item in _candidates(call, kind, by) if wanted(item))
    return cut(call, matching, url, lambda at: call.tx.rank(kind, at), label or kind)


def _candidates(call: Call, kind: str, by: tuple[str, ...]) -> Iterable[JsonObject]:
    for name in by:
        if name in call.params and name in INDEXED.get(kind, ()):
            return call.tx.where(kind, name, call.params[name])
    return call.tx.newest(kind)


def within(moment: int, bounds: dict[str, int]) -> bool:
    """Whether a time lies in `gt`, `gte`, `lt`, `lte` bounds."""
    return (
        moment > bounds.get("gt", moment - 1)
        and moment >= bounds.get("gte", moment)
        and moment < bounds.get("lt", moment + 1)
        and moment <= bounds.get("lte", moment)
    )


def cut(
    call: Call,
    items: Iterable[JsonObject],
    url: str,
    rank: Callable[[str], int | None],
    label: str,
) -> JsonObject:
    """The page of `items` (newest first) that the paging parameters ask for, as copies.

    `rank` says where an id stands, newer is higher, None if there is no such object: so a cursor
    holds even when its object has left the filtered list.
    """
    if "starting_after" in call.params and "ending_before" in call.params:
        raise invalid(
            "You may only specify one of these parameters: starting_after, ending_before."
        )
    limit = call.params.get("limit", DEFAULT_LIMIT)
    before = _cursor(call, "ending_before", rank, label)
    if before is not None:
        found = [item for item in items if (rank(item["id"]) or 0) > before]
        data, more = found[-limit:], len(found) > limit
    else:
        after = _cursor(call, "starting_after", rank, label)
        older = (item for item in items if after is None or (rank(item["id"]) or 0) < after)
        found = list(islice(older, limit + 1))
        data, more = found[:limit], len(found) > limit
    return listing([copy_of(item) for item in data], url, more)


def _cursor(call: Call, name: str, rank: Callable[[str], int | None], label: str) -> int | None:
    if name not in call.params:
        return None
    found = rank(call.params[name])
    if found is None:
        raise no_such(label, call.params[name], name, 400)
    return found


def embedded(call: Call, items: list[JsonObject], url: str, label: str) -> JsonObject:
    """A page of a list that belongs to one object, in its own order."""
    ranks = {item["id"]: len(items) - at for at, item in enumerate(items)}
    return cut(call, items, url, ranks.get, label)
