"""The console's routes: every page, and what they load."""

from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from pawsonalize.wings.console.pages import (
    animals,
    data,
    models,
    outcomes,
    overview,
    settings,
    visitors,
)
from pawsonalize.wings.console.pages.sessions import (
    SIGN_OUT,
    get_sign_in,
    post_sign_in,
    post_sign_out,
)
from pawsonalize.wings.console.pages.shell import SIGN_IN
from pawsonalize.wings.tenants import pages as tenants


def routes() -> list[BaseRoute]:
    """The console's routes; they find their `Console` in `app.state.console`."""
    return [
        *overview.routes(),
        *models.routes(),
        *animals.routes(),
        *visitors.routes(),
        *data.routes(),
        *outcomes.routes(),
        *settings.routes(),
        *tenants.routes(),
        Route(SIGN_IN, get_sign_in),
        Route(SIGN_IN, post_sign_in, methods=["POST"]),
        Route(SIGN_OUT, post_sign_out, methods=["POST"]),
        Mount("/static", StaticFiles(packages=[("pawsonalize.ui", "static")])),
    ]
