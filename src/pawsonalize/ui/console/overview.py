"""Whether all is well, what was learned last night, and what needs attention."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.access.admission import Caller
from pawsonalize.ui.console.shell import HOME, guarded, shown


def get_overview_page(request: Request, caller: Caller) -> Response:
    """The page."""
    return shown(request, caller, "overview.html")


def routes() -> list[BaseRoute]:
    """Where the page is."""
    return [Route(HOME, guarded(get_overview_page))]
