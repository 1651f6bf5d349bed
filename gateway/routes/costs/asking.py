"""What a URL asks about costs: filters, times, pages, and the form of the answer."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from typing import Annotated, Literal

from fastapi import Depends, Query
from starlette.requests import Request

from gateway.bodies import MAX_TEXT, PLAIN, needed
from gateway.ports.costs import DIMENSIONS, CostQuestion, PageWish
from services.chassis.errors import FieldViolation, InvalidArgument

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NAMES: Mapping[str, str] = {
    "dimensions": "by",
    "from_time": "from",
    "to_time": "to",
    "page_size": "pageSize",
    "page_token": "pageToken",
    "budget.display_name": "displayName",
    "budget.amount.currency": "currency",
    "budget.amount.minor_units": "amount",
    "budget.webhook_url": "webhookUrl",
}
"""What this dialect calls the contract's fields, where it is not only a prefix that goes."""

_Narrow = Annotated[str, Query(max_length=MAX_TEXT, pattern=PLAIN)]
_Time = Annotated[
    str,
    Query(
        max_length=40, description="RFC 3339 with an offset, or a day, which begins at 00:00 UTC"
    ),
]


async def _narrow(
    account: _Narrow = "",
    user: _Narrow = "",
    team: _Narrow = "",
    organization: _Narrow = "",
    plan: Annotated[str, Query(max_length=MAX_TEXT, description="catalog/plan")] = "",
    region: _Narrow = "",
) -> Mapping[str, str]:
    named = {
        "account": account,
        "user": user,
        "team": team,
        "organization": organization,
        "plan": plan,
        "region": region,
    }
    return {field: value for field, value in named.items() if value}


Narrowed = Annotated[Mapping[str, str], Depends(_narrow)]


async def _question(
    narrow: Narrowed,
    month: Annotated[str, Query(max_length=7, description="2026-11: in place of from and to")] = "",
    begin: Annotated[_Time, Query(alias="from")] = "",
    end: Annotated[_Time, Query(alias="to", description="exclusive")] = "",
) -> CostQuestion:
    if month and (begin or end):
        raise needed("month", "expected either month, or from and to")
    if month:
        return CostQuestion(narrow, *_whole_month(month))
    return CostQuestion(narrow, _moment("from", begin), _moment("to", end))


async def _page(
    page_size: Annotated[int, Query(alias="pageSize", ge=0, le=1000)] = 0,
    page_token: Annotated[str, Query(alias="pageToken", max_length=1000)] = "",
) -> PageWish:
    return PageWish(page_size, page_token)


async def _dimensions(
    by: Annotated[
        str, Query(max_length=100, description=f"1 to 4, by commas, of: {', '.join(DIMENSIONS)}")
    ] = "month",
) -> Sequence[str]:
    words = [word.strip() for word in by.split(",")]
    if any(word not in DIMENSIONS for word in words):
        raise needed("by", f"expected 1 to 4, by commas, of {', '.join(DIMENSIONS)}")
    return words


async def _wants_csv(
    request: Request,
    form: Annotated[
        Literal["json", "csv"] | None, Query(alias="format", description="goes before Accept")
    ] = None,
) -> bool:
    if form is not None:
        return form == "csv"
    accepted = dict(_accepted(request.headers.get("accept", "")))
    return accepted.get("text/csv", 0.0) > max(
        accepted.get("application/json", 0.0), accepted.get("*/*", 0.0) / 2
    )


Question = Annotated[CostQuestion, Depends(_question)]
Paged = Annotated[PageWish, Depends(_page)]
Dimensions = Annotated[Sequence[str], Depends(_dimensions)]
WantsCsv = Annotated[bool, Depends(_wants_csv)]


@contextmanager
def own_names() -> Iterator[None]:
    """Let refusals in the block name what the client sent, not the contract's fields."""
    try:
        yield
    except InvalidArgument as refusal:
        if not refusal.fields:
            raise
        named = [FieldViolation(_own(bad.field), bad.description) for bad in refusal.fields]
        sentence = "; ".join(f"{one.field}: {one.description}" for one in named)
        raise InvalidArgument(sentence, fields=named, reason=refusal.reason) from refusal


def _own(field: str) -> str:
    if field in _NAMES:
        return _NAMES[field]
    if field.startswith("dimensions["):
        return _NAMES["dimensions"]
    # A filter is an object in a body, and one parameter for each field in a URL.
    return (
        field.removeprefix("budget.")
        if field.startswith("budget.")
        else field.removeprefix("filter.")
    )


def _whole_month(text: str) -> tuple[datetime, datetime]:
    found = _MONTH.fullmatch(text)
    if found is None or not 1 <= int(found[1]) < 9999:
        raise needed("month", "expected a month such as 2026-11")
    year, month = int(found[1]), int(found[2])
    begin = datetime(year, month, 1, tzinfo=UTC)
    return begin, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def _moment(field: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        if _DAY.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        # A plus sign that was not escaped is a space by now.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        if moment.tzinfo is None:
            raise ValueError("no offset")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise needed(
            field, "expected a day such as 2026-11-01, or a time such as 2026-11-01T08:00:00Z"
        ) from None


def _accepted(header: str) -> Iterator[tuple[str, float]]:
    for part in header[:MAX_TEXT].split(","):
        kind, *parameters = (piece.strip() for piece in part.lower().split(";"))
        weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        try:
            yield kind, min(1.0, max(0.0, float(weight)))
        except ValueError:
            yield kind, 0.0
