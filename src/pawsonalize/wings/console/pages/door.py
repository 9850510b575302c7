"""The console's routes and operations: its pages, those that wings add, and the sign-in."""

from starlette.routing import BaseRoute, Route

from pawsonalize.pages.actions import PageAction
from pawsonalize.pages.shell import SIGN_IN
from pawsonalize.pages.views import View
from pawsonalize.wing import added
from pawsonalize.wings.console.pages.sessions import (
    SIGN_OUT,
    get_sign_in,
    post_sign_in,
    post_sign_out,
)

OPERATIONS = tuple(
    one.as_operation() for one in added("console_pages") if isinstance(one, View) and one.path
)


def routes() -> list[BaseRoute]:
    """Return the routes of all pages of the console."""
    found: list[BaseRoute] = []
    for one in added("console_pages"):
        if isinstance(one, View | PageAction):
            found += one.routes()
        elif isinstance(one, BaseRoute):
            found.append(one)
    return [
        *found,
        Route(SIGN_IN, get_sign_in),
        Route(SIGN_IN, post_sign_in, methods=["POST"]),
        Route(SIGN_OUT, post_sign_out, methods=["POST"]),
    ]
