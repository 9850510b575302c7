"""Every operation of the native API: path, types, examples; the routes and the docs read it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pawsonalize.http import (
    events,
    filters,
    health,
    history,
    metrics,
    recommendations,
    rerankings,
    resources,
    runs,
)
from pawsonalize.http.examples import (
    EVENT,
    EVENTS,
    FILTER,
    FILTERED,
    PROMOTED,
    RECOMMENDATION,
    RERANKING,
)

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A path or query parameter."""

    name: str
    description: str
    kind: Any = str
    where: str = "query"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path; `request` and `answer` list the types that a body may have."""

    method: str
    path: str
    endpoint: Endpoint
    summary: str
    answer: tuple[Any, ...] = ()
    status: int = 200
    request: tuple[Any, ...] = ()
    examples: dict[str, Any] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    answer_headers: dict[str, str] = field(default_factory=dict)


_RECOMMENDATION_ID = {
    recommendations.RECOMMENDATION_HEADER: "The answer's id: send it with the events it led to."
}
_HISTORY_PARAMETERS = (
    Parameter("limit", "How many events a page holds, 1 to 500; 50 if left out.", int),
    Parameter("cursor", "The `nextCursor` of the page before."),
    Parameter("eventType", "Only events of this type."),
    Parameter("since", "Only events at or after this moment."),
    Parameter("until", "Only events before this moment."),
)
_RUN = Parameter("run_id", "The run.", where="path", required=True)
_FILTER = Parameter("name", "The filter.", where="path", required=True)
_PAGE_PARAMETERS = (
    Parameter("limit", "How many a page holds, 1 to 100; 50 if left out.", int),
    Parameter("cursor", "The `nextCursor` of the page before."),
)

OPERATIONS = (
    Operation(
        "POST",
        "/v1/recommendations",
        recommendations.post_recommendations,
        "Which animal groups for this visitor?",
        request=(recommendations.RecommendationRequest,),
        answer=(list[recommendations.RecommendedGroup], recommendations.DetailedRecommendations),
        examples={"a user": RECOMMENDATION, "filtered": FILTERED, "promoting": PROMOTED},
        parameters=(
            Parameter("detail", "`full` adds scores, propensities, reasons and metadata."),
        ),
        answer_headers=_RECOMMENDATION_ID,
    ),
    Operation(
        "POST",
        "/v1/rerankings",
        rerankings.post_rerankings,
        "In which order should this list be shown?",
        request=(rerankings.RerankingRequest,),
        answer=(rerankings.RerankingResponse,),
        examples={"three animals": RERANKING},
        answer_headers=_RECOMMENDATION_ID,
    ),
    Operation(
        "POST",
        "/v1/events",
        events.post_events,
        "What visitors did; answered once it is on disk.",
        request=events.EVENT_BODIES,
        answer=(events.EventsReceipt,),
        status=202,
        examples={"one event": EVENT, "several": EVENTS},
    ),
    Operation(
        "GET",
        "/v1/users/{user_id:path}/history",
        history.get_user_history,
        "A user's events, newest first.",
        answer=(history.History,),
        parameters=(
            Parameter("user_id", "The user.", where="path", required=True),
            *_HISTORY_PARAMETERS,
        ),
    ),
    Operation(
        "GET",
        "/v1/sessions/{session_id:path}/history",
        history.get_session_history,
        "A session's events, newest first; of a session bound to a user, all of that user's.",
        answer=(history.History,),
        parameters=(
            Parameter("session_id", "The session.", where="path", required=True),
            *_HISTORY_PARAMETERS,
        ),
    ),
    Operation(
        "GET",
        "/v1/runs",
        runs.get_runs,
        "The newest retrainings and how they ended.",
        answer=(runs.RunList,),
        parameters=(Parameter("limit", "How many, 1 to 500; 20 if left out.", int),),
    ),
    Operation(
        "POST",
        "/v1/runs",
        runs.post_run,
        "Retrain now; 409 while another retraining runs.",
        request=(runs.RunRequest,),
        answer=(runs.Run,),
        status=202,
        examples={"now": {}},
    ),
    Operation(
        "GET",
        "/v1/runs/{run_id}",
        runs.get_run,
        "One retraining: what it found, how it decided and why.",
        answer=(runs.Run,),
        parameters=(_RUN,),
    ),
    Operation(
        "POST",
        "/v1/runs/{run_id}/cancel",
        runs.post_cancel,
        "Stop a retraining and its trainings; what is served stays.",
        answer=(runs.Run,),
        status=202,
        parameters=(_RUN,),
    ),
    Operation(
        "GET",
        "/v1/solutions",
        resources.get_solutions,
        "Recipes with their settings, newest first.",
        answer=(resources.Solutions,),
        parameters=_PAGE_PARAMETERS,
    ),
    Operation(
        "GET",
        "/v1/solution-versions",
        resources.get_solution_versions,
        "Trained models and those in training, newest first.",
        answer=(resources.SolutionVersions,),
        parameters=(Parameter("solution", "Only versions of this solution."), *_PAGE_PARAMETERS),
    ),
    Operation(
        "GET",
        "/v1/campaigns",
        resources.get_campaigns,
        "What is served, and what became of its latest update.",
        answer=(resources.Campaigns,),
        parameters=_PAGE_PARAMETERS,
    ),
    Operation(
        "POST",
        "/v1/campaigns/{name}/rollback",
        resources.post_rollback,
        "Serve the version before again.",
        answer=(resources.CampaignAnswer,),
        parameters=(Parameter("name", "The campaign.", where="path", required=True),),
    ),
    Operation(
        "GET",
        "/v1/filters",
        filters.get_filters,
        "Which items answers may hold, by name, newest first.",
        answer=(filters.FilterList,),
        parameters=_PAGE_PARAMETERS,
    ),
    Operation(
        "POST",
        "/v1/filters",
        filters.post_filter,
        "Create a filter from an expression.",
        request=(filters.FilterRequest,),
        answer=(filters.FilterAnswer,),
        status=201,
        examples={"no cats": FILTER},
    ),
    Operation(
        "GET",
        "/v1/filters/{name}",
        filters.get_filter,
        "One filter.",
        answer=(filters.FilterAnswer,),
        parameters=(_FILTER,),
    ),
    Operation(
        "DELETE",
        "/v1/filters/{name}",
        filters.delete_filter,
        "Delete a filter.",
        answer=(filters.FilterAnswer,),
        parameters=(_FILTER,),
    ),
    Operation("GET", "/healthz", health.get_healthz, "Does the process live?", (health.Health,)),
    Operation("GET", "/readyz", health.get_readyz, "Can it answer?", (health.Readiness,)),
    Operation("GET", "/metrics", metrics.get_metrics, "Prometheus metrics."),
)


def routes() -> list[Route]:
    """The operations as routes, the busiest first; a path has one, so that a 405 names them all."""
    endpoints: dict[str, dict[str, Endpoint]] = {}
    for operation in OPERATIONS:
        endpoints.setdefault(operation.path, {})[operation.method] = operation.endpoint
    return [
        Route(path, _one_of(by_method), methods=[*by_method])
        for path, by_method in endpoints.items()
    ]


def _one_of(by_method: dict[str, Endpoint]) -> Endpoint:
    """The only endpoint of a path, or what chooses by the request's method."""
    if len(by_method) == 1:
        return next(iter(by_method.values()))

    async def chosen(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await by_method[method](request)

    return chosen
