"""Tables as CSV by RFC 4180, which a spreadsheet opens without running anything of them."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from starlette.responses import Response

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula."""
MEDIA_TYPE = "text/csv; charset=utf-8; header=present"


def csv_response(
    name: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a table as a file of that name, without ending."""
    disposition = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(
        table(columns, rows), 200, disposition | dict(headers or {}), media_type=MEDIA_TYPE
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows of plain texts below their columns; lines end with CRLF."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(columns)
    writer.writerows(rows)
    return written.getvalue()


def text(value: str) -> str:
    """Return what others have chosen as a cell that is a text, whatever it begins with.

    The apostrophe in front is what spreadsheets themselves write for that.
    """
    return f"'{value}" if value.lstrip(" ").startswith(_FORMULA) else value
