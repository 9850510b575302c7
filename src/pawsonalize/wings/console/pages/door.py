"""The console's routes: a page for each view, what an operator does there, and what pages load."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.access.admission import Caller
from pawsonalize.kinds.access_keys import Scope
from pawsonalize.kinds.defaults import DATASET_GROUP
from pawsonalize.ui.rendering import with_query
from pawsonalize.wings.console.operations import VIEWS
from pawsonalize.wings.console.pages import animals, campaign_actions, keys, run_actions, settings
from pawsonalize.wings.console.pages.actions import Act, Ask, action
from pawsonalize.wings.console.pages.models import run_content, solution_content
from pawsonalize.wings.console.pages.outcomes import outcomes_content
from pawsonalize.wings.console.pages.overview import overview_content
from pawsonalize.wings.console.pages.sessions import (
    SIGN_OUT,
    get_sign_in,
    post_sign_in,
    post_sign_out,
)
from pawsonalize.wings.console.pages.shell import SIGN_IN, Console, guarded, shown
from pawsonalize.wings.console.view import GROUP_PARAMETER, View, ViewQuery
from pawsonalize.wings.console.views.parameters import filled
from pawsonalize.wings.dead_letters import pages as letters
from pawsonalize.wings.tenants import pages as tenants

_TABS = (animals.TABS, letters.TABS, settings.TABS)
# What templates need besides the report, where that is anything.
_CONTENT: Mapping[str, Callable[[ViewQuery, Any], Mapping[str, Any]]] = {
    "console/overview.html": overview_content,
    "console/solution.html": solution_content,
    "console/run.html": run_content,
    "console/outcomes.html": outcomes_content,
    "console/animals.html": animals.animals_content,
    "console/animals_seen.html": animals.seen_content,
    "feeds/feeds.html": animals.feeds_content,
    "console/settings_keys.html": lambda _query, _report: {"scopes": tuple(Scope)},
}

# What operators do: the path, the confirmation that is shown first, and the deed.
_ACTIONS: tuple[tuple[str, Ask, Act], ...] = (
    (run_actions.RETRAIN, run_actions.ask_retrain, run_actions.retrain),
    (run_actions.CANCEL, run_actions.ask_cancel, run_actions.cancel),
    (campaign_actions.PROMOTE, campaign_actions.ask_promote, campaign_actions.promote),
    (campaign_actions.ROLL_BACK, campaign_actions.ask_roll_back, campaign_actions.roll_back),
    (animals.MEANING, animals.ask_meaning, animals.say_meaning),
    (f"{keys.KEYS}/create", keys.ask_create, keys.create),
    (f"{keys.KEYS}/remove", keys.ask_remove, keys.remove),
    (f"{settings.NOTIFICATIONS}/test", settings.ask_test, settings.do_test),
)


def routes() -> list[BaseRoute]:
    """Return the console's routes; they find their `Console` in `app.state.console`."""
    return [
        *map(_page, VIEWS),
        *(route for path, ask, act in _ACTIONS for route in action(path, ask, act)),
        *letters.routes(),
        *tenants.routes(),
        Route(SIGN_IN, get_sign_in),
        Route(SIGN_IN, post_sign_in, methods=["POST"]),
        Route(SIGN_OUT, post_sign_out, methods=["POST"]),
    ]


def _page(view: View) -> Route:
    report = partial(_report, view) if view.takes_long else None
    return Route(view.page, guarded(partial(_shown, view), report=report))


def _query(view: View, request: Request) -> ViewQuery:
    console, given = Console.of(request), filled(request.query_params)
    group = DATASET_GROUP
    if view.is_of_group:
        group = console.views.visitors.group_named(given.get(GROUP_PARAMETER))
    return ViewQuery(
        console.views, {**view.usual, **given}, request.path_params, group, console.now()
    )


def _report(view: View, request: Request) -> object:
    return view.read(_query(view, request))


def _shown(view: View, request: Request, caller: Caller) -> Response:
    query, given = _query(view, request), filled(request.query_params)
    report: Any = None
    if view.takes_long:
        report = request.state.report
    elif not view.needs or any(name in given for name in view.needs):
        report = view.read(query)
    older = getattr(report, "next_cursor", None)
    extra = _CONTENT.get(view.template)
    return shown(
        request,
        caller,
        view.template,
        **{view.called: report},
        **({} if extra is None else extra(query, report)),
        tab=view.page,
        tabs=next((tabs for tabs in _TABS if any(link == view.page for _, link in tabs)), ()),
        given=given,
        group=query.group,
        groups=query.views.visitors.groups() if view.is_of_group else [],
        is_first="cursor" not in given,
        first=with_query(view.page, {**given, "cursor": ""}),
        older=older and with_query(view.page, {**given, "cursor": older}),
    )
