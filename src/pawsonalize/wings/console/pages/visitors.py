"""One visitor: what they did, what they were shown, what they would see now and why."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.access.admission import Caller
from pawsonalize.ui.rendering import with_query
from pawsonalize.wings.console.pages.shell import Console, guarded, shown
from pawsonalize.wings.console.views.parameters import filled
from pawsonalize.wings.console.views.visitors import read_lookup

HERE = "/console/visitors"


def get_visitors_page(request: Request, caller: Caller) -> Response:
    """The form, and the visitor that it names."""
    console, given = Console.of(request), filled(request.query_params)
    views = console.views.visitors
    group = views.group_named(given.get("datasetGroup"))
    asked, report = read_lookup(given), None
    if asked is not None:
        report = views.report(asked, group, console.now())
    older = None
    if report is not None and report.next_cursor is not None:
        older = with_query(HERE, {**given, "cursor": report.next_cursor})
    return shown(
        request,
        caller,
        "visitors.html",
        given=given,
        group=group,
        groups=views.groups(),
        report=report,
        older=older,
        alone=with_query(HERE, {**given, "against": "", "version": "", "cursor": ""}),
    )


def routes() -> list[BaseRoute]:
    """Where the page is."""
    return [Route(HERE, guarded(get_visitors_page))]
