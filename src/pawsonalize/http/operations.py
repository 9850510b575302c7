"""Every operation of the native API; the routes and the docs read it."""

from starlette.convertors import register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pawsonalize.domain.errors import NotReady
from pawsonalize.http import (
    animals,
    audit,
    erasures,
    events,
    health,
    history,
    metrics,
    reports,
    resources,
    runs,
    users,
)
from pawsonalize.http.checked import checked
from pawsonalize.http.operation import Endpoint
from pawsonalize.http.recommending import animal_answers, recommendations, rerankings
from pawsonalize.http.services import Services
from pawsonalize.http.users import VisitorConvertor
from pawsonalize.wing import added

register_url_convertor("visitor", VisitorConvertor())


_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

# The busiest first: of several paths that fit, the first answers.
OPERATIONS = (
    *recommendations.OPERATIONS,
    *rerankings.OPERATIONS,
    *events.OPERATIONS,
    *history.OPERATIONS,
    *users.OPERATIONS,
    *erasures.OPERATIONS,
    *reports.OPERATIONS,
    *animal_answers.OPERATIONS,
    *animals.OPERATIONS,
    *runs.OPERATIONS,
    *audit.OPERATIONS,
    *resources.OPERATIONS,
    *health.OPERATIONS,
    *metrics.OPERATIONS,
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
