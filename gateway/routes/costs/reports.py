"""What was spent, by whom and for what, and what will have been by the month's end."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.auth import SignedIn
from gateway.bodies import Answers
from gateway.ports.costs import Costs
from gateway.problems import json_response
from gateway.routes.costs.asking import (
    Dimensions,
    Narrowed,
    Paged,
    Question,
    WantsCsv,
    own_names,
)
from gateway.routes.costs.csvs import csv_response
from gateway.routes.costs.models import ForecastAnswer, RecordsAnswer, ReportAnswer
from gateway.routes.costs.views import (
    RECORD_COLUMNS,
    forecast_view,
    record_row,
    record_view,
    report_columns,
    report_rows,
    report_view,
)
from services.chassis.identity import acting

_AS_CSV: Answers = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
_VARIES = {"Vary": "Accept"}


def add_report_routes(router: APIRouter, costs: Costs) -> None:
    """Add the routes that only read."""

    @router.get(
        "/costs/report",
        summary="What was spent, by user, team, organization, plan, region, month; JSON or CSV",
        response_model=ReportAnswer,
        responses=_AS_CSV,
    )
    async def report(
        caller: SignedIn, asked: Question, dimensions: Dimensions, as_csv: WantsCsv
    ) -> Response:
        with acting(caller), own_names():
            found = await costs.report(asked, dimensions)
        if not as_csv:
            return json_response(report_view(found, dimensions), headers=_VARIES)
        name = f"costs-{found.begin:%Y-%m-%d}"
        return csv_response(name, report_columns(dimensions), report_rows(found), _VARIES)

    @router.get(
        "/costs/records",
        summary="When what capacity stood, and what each time of it has cost; JSON or CSV",
        response_model=RecordsAnswer,
        responses=_AS_CSV,
    )
    async def records(
        caller: SignedIn, request: Request, asked: Question, page: Paged, as_csv: WantsCsv
    ) -> Response:
        with acting(caller), own_names():
            found = await costs.records(asked, page)
        headers = _VARIES | next_page(request, found.next_token)
        if as_csv:
            rows = map(record_row, found.records)
            return csv_response("cost-records", RECORD_COLUMNS, rows, headers)
        body = {
            "records": [record_view(one) for one in found.records],
            "nextPageToken": found.next_token or None,
        }
        return json_response(body, headers=headers)

    @router.get(
        "/costs/forecast",
        summary="What will have been spent by the end of the month, and the band around it",
        response_model=ForecastAnswer,
    )
    async def forecast(caller: SignedIn, narrow: Narrowed) -> Response:
        with acting(caller), own_names():
            return json_response(forecast_view(await costs.forecast(narrow)))


def next_page(request: Request, token: str) -> dict[str, str]:
    """Return the header that names the next page (RFC 8288), none on the last one."""
    if not token:
        return {}
    url = request.url.include_query_params(pageToken=token)
    return {"Link": f'<{url.path}?{url.query}>; rel="next"'}
