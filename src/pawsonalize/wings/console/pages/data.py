"""Events as they come in, whether one was accepted, how good they are, and the archive."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.access.admission import Caller
from pawsonalize.ui.rendering import with_query
from pawsonalize.wings.console.pages.shell import Console, guarded, shown
from pawsonalize.wings.console.views.events import read_tail
from pawsonalize.wings.console.views.parameters import filled
from pawsonalize.wings.dead_letters import pages as letters
from pawsonalize.wings.dead_letters.pages import DATA, TABS

_QUALITY, _ARCHIVE = f"{DATA}/quality", f"{DATA}/archive"


def get_data_page(request: Request, caller: Caller) -> Response:
    """The newest events, and what became of one."""
    console, given = Console.of(request), filled(request.query_params)
    views = console.views
    group = views.visitors.group_named(given.get("datasetGroup"))
    asked = read_tail(given)
    answer = views.events.events(asked, group)
    is_live = not answer.verdict and not given.get("cursor")
    return shown(
        request,
        caller,
        "data.html",
        tabs=TABS,
        tab=DATA,
        given=given,
        group=group,
        groups=views.visitors.groups(),
        answer=answer,
        is_live=is_live,
        older=None
        if answer.next_cursor is None
        else with_query(DATA, {**given, "cursor": answer.next_cursor}),
        newest=with_query(DATA, {"datasetGroup": given.get("datasetGroup", "")}),
    )


def get_quality_page(request: Request, caller: Caller) -> Response:
    """How good the newest events are."""
    console, given = Console.of(request), filled(request.query_params)
    group = console.views.visitors.group_named(given.get("datasetGroup"))
    return shown(
        request,
        caller,
        "data_quality.html",
        tabs=TABS,
        tab=_QUALITY,
        group=group,
        groups=console.views.visitors.groups(),
        report=console.views.quality.report(group),
    )


def get_archive_page(request: Request, caller: Caller) -> Response:
    """What the archive holds."""
    state = Console.of(request).views.events.archive()
    return shown(request, caller, "data_archive.html", tabs=TABS, tab=_ARCHIVE, state=state)


def routes() -> list[BaseRoute]:
    """Where the pages are."""
    return [
        Route(DATA, guarded(get_data_page)),
        Route(_QUALITY, guarded(get_quality_page)),
        Route(_ARCHIVE, guarded(get_archive_page)),
        *letters.routes(),
    ]
