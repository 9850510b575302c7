"""Settings in force, keys, who did what, and who is told: with a test of that."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.access.admission import Caller
from pawsonalize.kinds.access_keys import Scope
from pawsonalize.ui.rendering import with_query
from pawsonalize.wings.console.pages import keys
from pawsonalize.wings.console.pages.actions import Confirmation, Done, Fields, action
from pawsonalize.wings.console.pages.shell import Answer, Console, guarded, shown
from pawsonalize.wings.console.views.parameters import filled

HERE = "/console/settings"
_AUDIT = f"{HERE}/audit"
_NOTIFICATIONS = f"{HERE}/notifications"
TABS = (
    ("Settings", HERE),
    ("Keys", keys.KEYS),
    ("Notifications", _NOTIFICATIONS),
    ("Audit log", _AUDIT),
)


def _page_of(tab: str, template: str) -> Answer:
    """A page that shows its part of the report on the service."""

    def page(request: Request, caller: Caller) -> Response:
        console = Console.of(request)
        report = console.views.service.report(console.now())
        return shown(
            request, caller, template, tabs=TABS, tab=tab, report=report, scopes=tuple(Scope)
        )

    return page


def get_audit_page(request: Request, caller: Caller) -> Response:
    """Who did what."""
    given = filled(request.query_params)
    page = Console.of(request).views.service.audit_page(given)
    return shown(
        request,
        caller,
        "settings_audit.html",
        tabs=TABS,
        tab=_AUDIT,
        actions=page.actions,
        older=None
        if page.next_cursor is None
        else with_query(_AUDIT, {**given, "cursor": page.next_cursor}),
    )


def ask_test(console: Console, _fields: Fields) -> Confirmation:
    """Say who gets a test."""
    names = [one.name for one in console.views.service.report(console.now()).channels]
    return Confirmation(
        title="Send a test notification",
        effects=(
            f"Everybody who is told by {', '.join(names)} gets one message that says it is a test.",
            "Nothing else changes.",
        ),
        button="Send",
        back=_NOTIFICATIONS,
    )


def do_test(console: Console, _fields: Fields) -> Done:
    """Send it by every channel."""
    channels = console.views.service.send_test(console.now()).channels
    said = [
        f"{one.channel} took it" if one.taken else f"{one.channel} did not: {one.reason}"
        for one in channels
    ]
    return Done(_NOTIFICATIONS, f"A test was sent: {'; '.join(said)}."[:400])


def routes() -> list[BaseRoute]:
    """Where the pages are."""
    return [
        Route(HERE, guarded(_page_of(HERE, "settings.html"))),
        Route(keys.KEYS, guarded(_page_of(keys.KEYS, "settings_keys.html"))),
        *action(f"{keys.KEYS}/create", keys.ask_create, keys.create),
        *action(f"{keys.KEYS}/remove", keys.ask_remove, keys.remove),
        Route(_NOTIFICATIONS, guarded(_page_of(_NOTIFICATIONS, "settings_notifications.html"))),
        Route(_AUDIT, guarded(get_audit_page)),
        *action(f"{_NOTIFICATIONS}/test", ask_test, do_test),
    ]
