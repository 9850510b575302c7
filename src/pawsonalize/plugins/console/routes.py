"""The console's routes and operations: its pages, those that plugins add, and the sign-in."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pawsonalize.app.pages.shell import HOME, SESSION, SIGN_IN, SIGNS_IN, TENANTS
from pawsonalize.app.pages.views import PageAction, View
from pawsonalize.core.errors import PawsonalizeError, Unauthenticated
from pawsonalize.core.plugin import added
from pawsonalize.core.times import SECOND
from pawsonalize.operations.admission import LASTS, Admission
from pawsonalize.site.forms import fields_of
from pawsonalize.site.portraits import get_portrait
from pawsonalize.site.rendering import PACKED, page

_SIGN_OUT = "/console/sign-out"
OPERATIONS = tuple(
    one.as_operation() for one in added("console_pages") if isinstance(one, View) and one.operation
)


def routes() -> list[BaseRoute]:
    """Return the routes of all pages of the console."""
    found: list[BaseRoute] = []
    for one in added("console_pages"):
        if isinstance(one, View | PageAction):
            found += one.routes()
        elif isinstance(one, BaseRoute):
            found.append(one)
    # An animal's id may be any text: its page comes after those that have a path of their own.
    found.sort(key=lambda one: isinstance(one, Route) and ":path" in one.path)
    return [
        *found,
        # Where no site is served, only the console shows drawings.
        Route("/portrait.svg", get_portrait, middleware=PACKED),
        Route(SIGN_IN, _get_sign_in),
        Route(SIGN_IN, _post_sign_in, methods=["POST"]),
        Route(_SIGN_OUT, _post_sign_out, methods=["POST"]),
    ]


def _get_sign_in(request: Request) -> Response:
    return _sign_in_page(_next(request.query_params.get("next", "")))


async def _post_sign_in(request: Request) -> Response:
    fields = await fields_of(request)
    after = _next(fields.get("next", ""))
    admission: Admission = request.app.state.admission
    try:
        session = await run_in_threadpool(
            admission.sign_in, fields.get("key", "").strip(), SIGNS_IN
        )
    except Unauthenticated as error:
        return _sign_in_page(after, error.message, 401)
    except PawsonalizeError as error:
        return _sign_in_page(after, error.message, 403)
    response = RedirectResponse(after, 303)
    response.set_cookie(
        SESSION,
        session,
        max_age=LASTS // SECOND,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


async def _post_sign_out(_request: Request) -> Response:
    response = RedirectResponse(SIGN_IN, 303)
    response.delete_cookie(SESSION)
    return response


def _next(given: str) -> str:
    """Return the page to open after signing in: ours alone, as an address may name any."""
    is_ours = any(given == one or given.startswith(f"{one}/") for one in (HOME, TENANTS))
    return given if is_ours and given.isprintable() and "\\" not in given else HOME


def _sign_in_page(after: str, error: str = "", status: int = 200) -> Response:
    frame: dict[str, object] = {"key_id": None, "pages": (), "current": "", "notice": ""}
    return page("console/sign_in.html", status, after=after, error=error, **frame)
