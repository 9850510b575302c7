"""Every operation of the native API: path, types, examples; the routes and the docs read it."""

from starlette.convertors import register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pawsonalize.domain.errors import NotReady
from pawsonalize.engine.reporting.report import OutcomesReport
from pawsonalize.http import (
    audit,
    filters,
    health,
    history,
    metrics,
    reports,
    runs,
    users,
)
from pawsonalize.http.addressing import ADDRESS_PARAMETERS
from pawsonalize.http.animal_operations import ANIMAL_OPERATIONS
from pawsonalize.http.answer_operations import ANSWER_OPERATIONS
from pawsonalize.http.erasure_operations import ERASURE_OPERATIONS
from pawsonalize.http.examples import (
    FILTER,
    USER,
)
from pawsonalize.http.operation import About, Endpoint, Operation, RequestParameter, checked
from pawsonalize.http.resource_operations import RESOURCE_OPERATIONS
from pawsonalize.http.resources import PAGE_PARAMETERS
from pawsonalize.http.services import Services
from pawsonalize.http.users import VisitorConvertor
from pawsonalize.kinds.access_keys import (
    ANYBODY,
    CONTROL_PLANE,
    MONITOR,
    OPERATOR,
    SITE,
)
from pawsonalize.wing import added
from pawsonalize.wings.console.views.service import AuditPage

register_url_convertor("visitor", VisitorConvertor())


_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_HISTORY_PARAMETERS = (
    RequestParameter("limit", "How many events a page holds, 1 to 500; 50 if left out.", int),
    RequestParameter("cursor", "The `nextCursor` of the page before."),
    RequestParameter("eventType", "Only events of this type."),
    RequestParameter("since", "Only events at or after this moment."),
    RequestParameter("until", "Only events before this moment."),
)
_USER = RequestParameter("userId", "The user.", where="path", required=True)
_RUN = RequestParameter("runId", "The run.", where="path", required=True)
_FILTER = RequestParameter("name", "The filter.", where="path", required=True)

OPERATIONS = (
    *ANSWER_OPERATIONS,
    Operation(
        "GET",
        "/v1/users/{user_id:path}/history",
        history.get_user_history,
        "A user's events, newest first.",
        SITE,
        about=About.GROUP,
        answer=history.History,
        parameters=(
            _USER,
            *_HISTORY_PARAMETERS,
            *ADDRESS_PARAMETERS,
        ),
    ),
    Operation(
        "PUT",
        "/v1/users/{user_id:visitor}",
        users.put_user,
        "Store attributes and quiz answers of a user; they replace what was stored.",
        SITE,
        about=About.GROUP,
        request=users.UserRequest,
        answer=users.UserAnswer,
        examples={"an adopter": USER},
        parameters=(_USER, *ADDRESS_PARAMETERS),
    ),
    Operation(
        "GET",
        "/v1/users/{user_id:visitor}",
        users.get_user,
        "Attributes and quiz answers that are stored of a user.",
        SITE,
        about=About.GROUP,
        answer=users.UserAnswer,
        parameters=(_USER, *ADDRESS_PARAMETERS),
    ),
    Operation(
        "GET",
        "/v1/sessions/{session_id:path}/history",
        history.get_session_history,
        "A session's events, newest first; of a session bound to a user, all of that user's.",
        SITE,
        about=About.GROUP,
        answer=history.History,
        parameters=(
            RequestParameter("sessionId", "The session.", where="path", required=True),
            *_HISTORY_PARAMETERS,
            *ADDRESS_PARAMETERS,
        ),
    ),
    *ERASURE_OPERATIONS,
    *ANIMAL_OPERATIONS,
    Operation(
        "GET",
        "/v1/runs",
        runs.get_runs,
        "The newest retrainings and how they ended.",
        OPERATOR,
        answer=runs.RunList,
        parameters=(RequestParameter("limit", "How many, 1 to 500; 20 if left out.", int),),
    ),
    Operation(
        "POST",
        "/v1/runs",
        runs.post_run,
        "Retrain now; 409 while another retraining runs.",
        OPERATOR,
        request=runs.RunRequest,
        answer=runs.Run,
        status=202,
        examples={"everything that asks for it": {}, "a part": {"datasetGroup": "shelter-b"}},
    ),
    Operation(
        "GET",
        "/v1/runs/{run_id}",
        runs.get_run,
        "One retraining: what it found, how it decided and why.",
        OPERATOR,
        answer=runs.Run,
        parameters=(_RUN,),
    ),
    Operation(
        "POST",
        "/v1/runs/{run_id}/cancel",
        runs.post_cancel,
        "Stop a retraining and its trainings; what is served stays.",
        OPERATOR,
        answer=runs.Run,
        status=202,
        parameters=(_RUN,),
    ),
    Operation(
        "GET",
        "/v1/outcomes",
        reports.get_outcomes,
        "What came of what was shown: adoptions, stays and who was never shown.",
        OPERATOR,
        about=About.GROUP,
        answer=OutcomesReport,
        parameters=(
            RequestParameter("since", "From this moment; 180 days before `until` if left out."),
            RequestParameter("until", "To before this moment; now if left out."),
            RequestParameter("within", "Days from an answer to its outcome, 1 to 365; 30.", int),
            *ADDRESS_PARAMETERS,
        ),
    ),
    Operation(
        "GET",
        "/v1/audit",
        audit.get_audit,
        "What was changed, by which key, newest first.",
        OPERATOR,
        answer=AuditPage,
        parameters=(
            RequestParameter("limit", "How many, 1 to 500; 50 if left out.", int),
            RequestParameter("cursor", "The `nextCursor` of the page before."),
        ),
    ),
    *RESOURCE_OPERATIONS,
    Operation(
        "GET",
        "/v1/filters",
        filters.get_filters,
        "Which items answers may hold, by name, newest first.",
        CONTROL_PLANE,
        about=About.GROUP,
        answer=filters.FilterList,
        parameters=(
            RequestParameter(
                "datasetGroup", "Only filters of this dataset group, by its name or ARN."
            ),
            RequestParameter("campaign", "Only filters of this campaign's dataset group."),
            *PAGE_PARAMETERS,
        ),
    ),
    Operation(
        "POST",
        "/v1/filters",
        filters.post_filter,
        "Create a filter from an expression.",
        CONTROL_PLANE,
        about=About.GROUP,
        request=filters.FilterRequest,
        answer=filters.FilterAnswer,
        status=201,
        examples={"no cats": FILTER},
        parameters=ADDRESS_PARAMETERS,
    ),
    Operation(
        "GET",
        "/v1/filters/{name}",
        filters.get_filter,
        "One filter.",
        CONTROL_PLANE,
        about=About.GROUP,
        answer=filters.FilterAnswer,
        parameters=(_FILTER,),
    ),
    Operation(
        "DELETE",
        "/v1/filters/{name}",
        filters.delete_filter,
        "Delete a filter.",
        CONTROL_PLANE,
        about=About.GROUP,
        answer=filters.FilterAnswer,
        parameters=(_FILTER,),
    ),
    Operation(
        "GET",
        "/healthz",
        health.get_healthz,
        "Does the process live?",
        ANYBODY,
        answer=health.Health,
    ),
    Operation(
        "GET",
        "/readyz",
        health.get_readyz,
        "Can it answer?",
        ANYBODY,
        answer=health.ReadinessAnswer,
        parameters=(
            RequestParameter(
                "without",
                "`models`: to be ready to take data in is enough, for a new service.",
            ),
        ),
    ),
    Operation("GET", "/metrics", metrics.get_metrics, "Prometheus metrics.", MONITOR),
    *added("operations"),
)


def routes() -> list[Route]:
    """The operations as routes, the busiest first; a path has one, so that a 405 names them all."""
    endpoints: dict[str, dict[str, Endpoint]] = {}
    for operation in OPERATIONS:
        endpoints.setdefault(operation.path, {})[operation.method] = checked(operation)
    return [
        Route(path, _one_of(by_method), methods=[*by_method])
        for path, by_method in endpoints.items()
    ]


_MONITORING = ("/healthz", "/readyz", "/metrics")


async def _refuse(request: Request) -> Response:
    """What a server says that has not the role to answer."""
    services: Services = request.app.state.services
    raise NotReady(
        f"this server does not answer: its roles are {', '.join(services.roles)}. Ask one that has"
        " the role serve",
        code="not_serving",
    )


def monitoring_routes() -> list[Route]:
    """What a server answers that has not the role to answer anything else."""
    own = [route for route in routes() if route.path in _MONITORING]
    return [*own, Route("/{path:path}", _refuse, methods=_METHODS)]


def _one_of(by_method: dict[str, Endpoint]) -> Endpoint:
    """The only endpoint of a path, or what chooses by the request's method."""
    if len(by_method) == 1:
        return next(iter(by_method.values()))

    async def chosen(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await by_method[method](request)

    return chosen
