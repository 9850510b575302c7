"""Pages for who runs the service: behind a key where keys are required, and how one signs in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pawsonalize.access.admission import Admission, Caller
from pawsonalize.access.page_sessions import LASTS
from pawsonalize.access.tenants import Lane, Tenants
from pawsonalize.domain.errors import (
    Forbidden,
    InvalidInput,
    NotFound,
    PawsonalizeError,
    TooManyRequests,
    Unauthenticated,
)
from pawsonalize.domain.times import SECOND
from pawsonalize.engine.ingest.decoding.decoder import read_bounded
from pawsonalize.engine.reporting.tenants import TenantReports
from pawsonalize.engine.resources.access_keys import CONTROL_PLANE
from pawsonalize.ui.rendering import page

HOME = "/tenants"
SIGN_IN = "/console/sign-in"
SIGN_OUT = "/console/sign-out"
_COOKIE = "pawsonalize_console"
_MAX_FORM_BYTES = 4096
_STATUS: tuple[tuple[type[PawsonalizeError], int, str], ...] = (
    (InvalidInput, 400, "That did not work"),
    (Forbidden, 403, "This key does not open that"),
    (NotFound, 404, "There is no such page"),
    (TooManyRequests, 429, "Too many requests"),
    (PawsonalizeError, 503, "Not right now"),
)


@dataclass(frozen=True, slots=True)
class Console:
    """What the pages need, handed to them by the composition root."""

    admission: Admission
    tenants: Tenants
    reports: TenantReports
    now: Callable[[], int]

    @classmethod
    def of(cls, request: Request) -> "Console":
        """The console of the app that serves the request."""
        console = request.app.state.console
        assert isinstance(console, cls)
        return console


Endpoint = Callable[[Request], Awaitable[Response]]
Shown = Callable[[Request, Caller], Response]


def guarded(answer: Shown) -> Endpoint:
    """A page for callers who may run the service; others are asked to sign in.

    Who has a key of one dataset group waits for that group's turn.
    """

    async def endpoint(request: Request) -> Response:
        console = Console.of(request)
        entered = None
        try:
            caller = await run_in_threadpool(_caller, request)
            if (group := caller.dataset_group) is not None:
                entered = await console.tenants.enter(group, Lane.WORK, is_its_own=True)
            return await run_in_threadpool(answer, request, caller)
        except Unauthenticated:
            return RedirectResponse(f"{SIGN_IN}?next={quote(request.url.path, safe='')}", 303)
        except PawsonalizeError as error:
            return _error_page(error)
        finally:
            if entered is not None:
                entered.leave()

    return endpoint


def get_sign_in(request: Request) -> Response:
    """Ask for a key."""
    return _sign_in_page(_next(request.query_params.get("next", "")))


async def post_sign_in(request: Request) -> Response:
    """Take a key: the browser keeps a session of it, not its secret."""
    body = await read_bounded(request.stream(), _MAX_FORM_BYTES)
    fields = dict(parse_qsl(body.decode("utf-8", "replace")))
    after = _next(fields.get("next", ""))
    admission = Console.of(request).admission
    try:
        session = await run_in_threadpool(
            admission.sign_in, fields.get("key", "").strip(), CONTROL_PLANE
        )
    except Unauthenticated as error:
        return _sign_in_page(after, error.message, 401)
    except PawsonalizeError as error:
        return _sign_in_page(after, error.message, 403)
    response = RedirectResponse(after, 303)
    response.set_cookie(
        _COOKIE,
        session,
        max_age=LASTS // SECOND,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


async def post_sign_out(_request: Request) -> Response:
    """Forget the session."""
    response = RedirectResponse(SIGN_IN, 303)
    response.delete_cookie(_COOKIE)
    return response


def _caller(request: Request) -> Caller:
    admission = Console.of(request).admission
    return admission.of_session(request.cookies.get(_COOKIE), CONTROL_PLANE)


def _next(given: str) -> str:
    """Where to go after signing in: a page of the console, whatever an address may say."""
    is_ours = given == HOME or given.startswith(f"{HOME}/")
    return given if is_ours and given.isprintable() and "\\" not in given else HOME


def _sign_in_page(after: str, error: str = "", status: int = 200) -> Response:
    return page("sign_in.html", status, after=after, error=error, key_id=None)


def _error_page(error: PawsonalizeError) -> Response:
    status, title = next(
        (status, title) for kind, status, title in _STATUS if isinstance(error, kind)
    )
    return page("console_error.html", status, title=title, message=error.message, key_id=None)
