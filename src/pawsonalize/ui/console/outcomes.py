"""What came of what was shown."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.access.admission import Caller
from pawsonalize.ui.console.shell import guarded, shown


def get_outcomes_page(request: Request, caller: Caller) -> Response:
    """The page."""
    return shown(request, caller, "outcomes.html")


def routes() -> list[BaseRoute]:
    """Where the page is."""
    return [Route("/console/outcomes", guarded(get_outcomes_page))]
