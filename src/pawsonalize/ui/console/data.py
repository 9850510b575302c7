"""Events as they come in, and what could not be taken."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.access.admission import Caller
from pawsonalize.ui.console.shell import guarded, shown


def get_data_page(request: Request, caller: Caller) -> Response:
    """The page."""
    return shown(request, caller, "data.html")


def routes() -> list[BaseRoute]:
    """Where the page is."""
    return [Route("/console/data", guarded(get_data_page))]
