"""Settings, keys, what was done, and notifications."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.access.admission import Caller
from pawsonalize.ui.console.shell import guarded, shown


def get_settings_page(request: Request, caller: Caller) -> Response:
    """The page."""
    return shown(request, caller, "settings.html")


def routes() -> list[BaseRoute]:
    """Where the page is."""
    return [Route("/console/settings", guarded(get_settings_page))]
