"""Solutions, their versions, and the retrainings that made them."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.access.admission import Caller
from pawsonalize.ui.console.shell import guarded, shown


def get_models_page(request: Request, caller: Caller) -> Response:
    """The page."""
    return shown(request, caller, "models.html")


def routes() -> list[BaseRoute]:
    """Where the page is."""
    return [Route("/console/models", guarded(get_models_page))]
