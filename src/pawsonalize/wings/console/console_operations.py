"""GET /v1/console/…: what the pages of the console show, as JSON."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.http.addressing import read_group
from pawsonalize.http.json import json_response, read_limit
from pawsonalize.http.operation import Operation, RequestParameter
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import OPERATOR
from pawsonalize.wings.console.views.models import ModelsReport, SolutionReport
from pawsonalize.wings.console.views.outcomes import OutcomesOverTime
from pawsonalize.wings.console.views.overview import Overview
from pawsonalize.wings.console.views.runs import RunReport

_DEFAULT_DAYS = 90


async def get_overview(request: Request) -> Response:
    """How the service is."""
    services: Services = request.app.state.services
    view = services.views.overview.overview
    return json_response(await services.console_reads.make(view, services.now()))


async def get_models(request: Request) -> Response:
    """Solutions and retrainings."""
    services: Services = request.app.state.services
    cursor = request.query_params.get("cursor")
    view = services.views.models.models
    return json_response(await services.console_reads.make(view, cursor, services.now()))


async def get_solution(request: Request) -> Response:
    """One solution, with its versions and what the gate measured of them."""
    services: Services = request.app.state.services
    name: str = request.path_params["name"]
    view = services.views.models.solution
    return json_response(await services.console_reads.make(view, name, services.now()))


async def get_run(request: Request) -> Response:
    """One retraining, with its steps and the gate's rules."""
    services: Services = request.app.state.services
    run_id: str = request.path_params["run_id"]
    view = services.views.runs.get
    return json_response(await services.console_reads.make(view, run_id, services.now()))


async def get_outcomes(request: Request) -> Response:
    """Outcomes in all and over time."""
    services: Services = request.app.state.services
    days = read_limit(request.query_params.get("days"), _DEFAULT_DAYS, "days")
    group = await read_group(request)
    view = services.views.outcomes.outcomes
    made = await services.reports.share((view, group, days), partial(view, group, days))
    return json_response(made)


_AT = "/v1/console"
CONSOLE_OPERATIONS = (
    Operation(
        "GET",
        f"{_AT}/overview",
        get_overview,
        "Is all well, what did the last retraining decide and why, what needs attention?",
        OPERATOR,
        answer=Overview,
    ),
    Operation(
        "GET",
        f"{_AT}/models",
        get_models,
        "Solutions, what is served of them, and the newest retrainings.",
        OPERATOR,
        answer=ModelsReport,
        parameters=(RequestParameter("cursor", "The `nextCursor` of the page before."),),
    ),
    Operation(
        "GET",
        f"{_AT}/models/{{name}}",
        get_solution,
        "One solution: its versions, when each answered, and what the gate measured.",
        OPERATOR,
        answer=SolutionReport,
        parameters=(RequestParameter("name", "The solution.", where="path", required=True),),
    ),
    Operation(
        "GET",
        f"{_AT}/runs/{{run_id}}",
        get_run,
        "One retraining: its steps, and every rule of the gate with its numbers.",
        OPERATOR,
        answer=RunReport,
        parameters=(RequestParameter("runId", "The run.", where="path", required=True),),
    ),
    Operation(
        "GET",
        f"{_AT}/outcomes",
        get_outcomes,
        "Outcomes of the last days, in all, by version and over time.",
        OPERATOR,
        answer=OutcomesOverTime,
        parameters=(
            RequestParameter("days", "30, 90, 180 or 365; 90 if left out.", int),
            RequestParameter("datasetGroup", "The dataset group; the default one if left out."),
        ),
    ),
)
