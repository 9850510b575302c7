"""One visitor: what they did, what they see and why."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.access.admission import Caller
from pawsonalize.ui.console.shell import guarded, shown


def get_visitors_page(request: Request, caller: Caller) -> Response:
    """The page."""
    return shown(request, caller, "visitors.html")


def routes() -> list[BaseRoute]:
    """Where the page is."""
    return [Route("/console/visitors", guarded(get_visitors_page))]
