"""Page tokens of lists that are sorted by time and name."""

from datetime import UTC, datetime, timedelta

from services.chassis.errors import Violations
from services.chassis.paging import from_token, to_token

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def time_token(time: datetime, name: str) -> str:
    """Return the token of the page after the item of this time and name."""
    return to_token((time - _EPOCH) // _MICROSECOND, name)


def in_time(token: str) -> tuple[datetime, str] | None:
    """Return the time and name in a token, None for the first page; InvalidArgument if bad."""
    key = from_token(token, int, str)
    if key is None:
        return None
    try:
        return _EPOCH + int(key[0]) * _MICROSECOND, str(key[1])
    except OverflowError:
        bad = Violations()
        bad.add("page_token", "expected the next_page_token of the page before, unchanged")
        bad.raise_if_any()
        raise
