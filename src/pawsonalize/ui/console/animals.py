"""The inventory: who waits, and who is hardly seen."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.access.admission import Caller
from pawsonalize.ui.console.shell import guarded, shown


def get_animals_page(request: Request, caller: Caller) -> Response:
    """The page."""
    return shown(request, caller, "animals.html")


def routes() -> list[BaseRoute]:
    """Where the page is."""
    return [Route("/console/animals", guarded(get_animals_page))]
