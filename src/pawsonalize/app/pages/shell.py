"""Frame of the pages for operators: access, navigation, notices and errors."""

from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial
from typing import Any
from urllib.parse import quote, unquote

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pawsonalize.app.pages.period import keep_period
from pawsonalize.app.pages.tables import TablePage
from pawsonalize.core import errors
from pawsonalize.core.http.json import filled
from pawsonalize.core.plugin import added
from pawsonalize.core.scopes import CONTROL_PLANE, DESK, OPERATOR, Scope
from pawsonalize.operations.admission import Admission, Caller
from pawsonalize.operations.limits import Lane, check_reach
from pawsonalize.operations.services import services_of
from pawsonalize.site.rendering import animals_page, page

HOME = "/console"
TENANTS = "/tenants"
ANIMALS = "/console/animals"
TODAY = "/console/today"
"""The first page of who works at the desk."""
SIGN_IN = "/console/sign-in"
SIGNS_IN = CONTROL_PLANE | DESK
"""Scopes that open some page: the whole console, a shelter's desk, or the tenants alone."""
SESSION = "pawsonalize_console"
_NOTICE = "pawsonalize_notice"
_NOTICE_SECONDS = 60
SOON_SECONDS = 0.08
"""A page that takes longer is first announced, so that something is seen within 0.1 seconds."""
# The first class that fits counts.
_STATUS: tuple[tuple[type[errors.PawsonalizeError], int, str], ...] = (
    (errors.InvalidInput, 400, "That did not work"),
    (errors.Forbidden, 403, "This key does not open that"),
    (errors.NotFound, 404, "There is no such page"),
    (errors.Conflict, 409, "That cannot be done now"),
    (errors.TooManyRequests, 429, "Too many requests"),
    (errors.PawsonalizeError, 503, "Not right now"),
)


class Link(msgspec.Struct, frozen=True):
    """A link to a page: in the navigation, or among the tabs of the page `tab_of`."""

    name: str
    path: str
    tab_of: str = ""
    place: int = 0
    """Place in the navigation, or among the tabs; where several have the same, as declared."""
    count: Callable[[Mapping[str, Any]], int] | None = None
    """The number that waits there, of what plugins share; the navigation shows it."""
    allowed: frozenset[Scope] = OPERATOR
    """Scopes that see the link, which are those that open its page."""


@cache
def links(tab_of: str = "", scopes: frozenset[Scope] = OPERATOR) -> tuple[tuple[str, str], ...]:
    """Return the navigation, or the tabs of a page, for a key of these scopes: names and paths."""
    pages = (part for part in added("console_pages") if isinstance(part, Link))
    every = [link for link in pages if not link.allowed.isdisjoint(scopes)]
    own = sorted((link for link in every if link.tab_of == tab_of), key=lambda link: link.place)
    return tuple((link.name, link.path) for link in own)


def waiting_counts(plugins: Mapping[str, Any]) -> dict[str, int]:
    """Return the numbers that wait on pages of the navigation, by path; this reads tables."""
    every = [part for part in added("console_pages") if isinstance(part, Link)]
    return {link.path: link.count(plugins) for link in every if link.count is not None}


Endpoint = Callable[[Request], Awaitable[Response]]
Answer = Callable[[Request, Caller], Response]


def guarded(
    answer: Answer,
    allowed: frozenset[Scope] = OPERATOR,
    report: Callable[[Request], object] | None = None,
    *,
    for_tenants: bool = False,
) -> Endpoint:
    """Return the endpoint of a page for who has signed in; others are sent to the form for that.

    A key of one dataset group opens that group's page alone, and is led there from the first page.
    A page that is `for_tenants` checks itself which group it shows, and waits for the group's turn.
    `report` is run before: it makes what takes long. The page finds it in `request.state.report`.
    A browser whose page is not made soon is shown that it is being made, and asks again by itself.
    """

    async def made(request: Request, caller: Caller) -> Response:
        services, tenants = services_of(request), request.app.state.tenants
        entered = None
        try:
            if (group := caller.dataset_group) is not None:
                entered = await tenants.enter(group, Lane.WORK, is_its_own=True)
            if report is not None:
                key = (report, request.url.path, request.url.query)
                request.state.report = await services.reports.share(key, partial(report, request))
            return await services.page_reads.make(answer, request, caller)
        except errors.PawsonalizeError as error:
            return failed(request, error, caller)
        finally:
            if entered is not None:
                entered.leave()

    async def endpoint(request: Request) -> Response:
        is_first = request.url.path == HOME
        caller = None
        try:
            caller = await caller_of(request, SIGNS_IN if is_first else allowed)
            group = caller.dataset_group
            if is_first and (group is not None or allowed.isdisjoint(caller.scopes)):
                is_desk = group is None and Scope.DESK in caller.scopes
                return RedirectResponse(TODAY if is_desk else TENANTS, 303)
            if not for_tenants:
                check_reach(group, None)
        except errors.PawsonalizeError as error:
            return failed(request, error, caller)
        return await _answer_soon(request, caller, partial(made, request, caller))

    return endpoint


async def _answer_soon(
    request: Request, caller: Caller, made: Callable[[], Awaitable[Response]]
) -> Response:
    """Return the page if it is ready soon, else one that says it is being made, and reloads."""
    # Programs ask once and wait.
    if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
        return await made()
    key = request.cookies.get(SESSION), str(request.url)
    response = await services_of(request).page_reads.within(SOON_SECONDS, key, made)
    if response is None:
        # The notice of what was done stays for the page itself.
        response = page("console/being_made.html", 202, notice="", **_frame(request, caller))
        response.headers["Refresh"] = "0"
    return response


def _frame(request: Request, caller: Caller) -> dict[str, object]:
    """Variables of a template for the navigation."""
    path, pages = request.url.path, links(scopes=caller.scopes)
    above = (link for _, link in pages if path == link or path.startswith(f"{link}/"))
    return {
        "pages": pages if caller.dataset_group is None else (),
        "is_operator": Scope.OPERATOR in caller.scopes,
        "current": max(above, key=len, default=""),
        "key_id": caller.key_id,
    }


def shown(
    request: Request,
    caller: Caller,
    template: str,
    status: int = 200,
    *,
    has_photos: bool = False,
    **content: object,
) -> Response:
    """Render a page with the navigation, and the notice of what was just done."""
    notice = unquote(request.cookies.get(_NOTICE, ""))
    content |= _frame(request, caller) | {"notice": notice}
    given = filled(request.query_params)
    # Photos of animals are where their shelters keep them.
    make = animals_page if has_photos else page
    response = make(template, status, **content, here=TablePage(request.url.path, given))
    # A page of an error leads away from what the address has.
    response.body = keep_period(bytes(response.body), given if status == 200 else {})
    response.headers["Content-Length"] = str(len(response.body))
    if notice:
        response.delete_cookie(_NOTICE)
    return response


def see(path: str, notice: str = "") -> Response:
    """Redirect to a page, which shows the notice once."""
    response = RedirectResponse(path, 303)
    if notice:
        # No link can make one: it is no part of an address.
        response.set_cookie(
            _NOTICE, quote(notice), max_age=_NOTICE_SECONDS, httponly=True, samesite="strict"
        )
    return response


async def caller_of(request: Request, allowed: frozenset[Scope]) -> Caller:
    """Return the caller; Unauthenticated without a session, Forbidden without a scope."""
    admission: Admission = request.app.state.admission
    return await run_in_threadpool(admission.of_session, request.cookies.get(SESSION), allowed)


def failed(
    request: Request, error: errors.PawsonalizeError, caller: Caller | None = None
) -> Response:
    """Return the page of an error; for Unauthenticated, redirect to the form to sign in."""
    if isinstance(error, errors.Unauthenticated):
        return RedirectResponse(f"{SIGN_IN}?next={quote(request.url.path, safe='')}", 303)
    status, title = next(
        (status, title) for kind, status, title in _STATUS if isinstance(error, kind)
    )
    template, who = "console/error.html", caller or Caller()
    # Without its host, the address of the form leads to this server in any case.
    form = "/" + "".join(request.headers.get("referer", "").split("/", 3)[3:])
    back = form if request.method == "POST" and form.startswith("/console") else None
    return shown(request, who, template, status, title=title, message=error.message, back=back)
