"""What came of what was shown: GET /v1/outcomes."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.engine.reporting.outcomes_report import WITHIN_DAYS, read_order, report_outcomes
from pawsonalize.http.addressing import read_group
from pawsonalize.http.json import json_response, read_limit
from pawsonalize.http.services import Services


async def get_outcomes(request: Request) -> Response:
    """Report; it reads the whole time asked for, so it never runs on the event loop."""
    services: Services = request.app.state.services
    given = request.query_params
    order = read_order(
        given.get("since"),
        given.get("until"),
        services.now(),
        read_limit(given.get("within"), WITHIN_DAYS, "within"),
    )
    sources = services.outcomes.of(await read_group(request))
    return json_response(await run_in_threadpool(report_outcomes, sources, order))
