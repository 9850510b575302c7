"""Endpoints of pages and forms: the visitor, and errors as pages."""

import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl, quote, unquote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from pawsonalize.domain.errors import (
    Conflict,
    CorruptArtefact,
    InputTooLarge,
    InvalidInput,
    NotFound,
    NotReady,
    PawsonalizeError,
    StorageUnavailable,
)
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.limits import parse_id
from pawsonalize.engine.ingest.decoder import read_bounded
from pawsonalize.ui.rendering import page
from pawsonalize.ui.storefront import Storefront

_SESSION = "pawsonalize_session"
_USER = "pawsonalize_user"
_ANSWERS = "pawsonalize_looking_for"
_PAGES = "pawsonalize_pages"
_MAX_AGE = 90 * 24 * 3600
_PAGES_LENGTH = 3_000  # of a cookie that every browser and proxy takes


def new_session_id() -> str:
    """A session id nobody can guess."""
    return secrets.token_urlsafe(18)


def read_visitor(request: Request) -> Visitor:
    """The visitor the cookies name; without any, somebody new.

    Where keys are required no cookie says who the user is: anybody can write one.
    """
    session_id = _id_in(request, _SESSION) or new_session_id()
    is_open = Storefront.of(request).is_open
    return Visitor(_id_in(request, _USER) if is_open else None, session_id)


def remember(request: Request, response: Response, visitor: Visitor) -> None:
    """Let the browser come back as this visitor."""
    for name, value in ((_SESSION, visitor.session_id), (_USER, visitor.user_id)):
        if value is None:
            response.delete_cookie(name)
        else:
            _set(request, response, name, value)


def read_answers(request: Request) -> str:
    """The answers of the quiz as they were kept; empty text without any."""
    return unquote(request.cookies.get(_ANSWERS, ""))


def remember_answers(request: Request, response: Response, answers: str) -> None:
    """Keep the answers of the quiz as long as the session; they begin new pages."""
    response.delete_cookie(_PAGES)
    _set(request, response, _ANSWERS, answers)


def forget_answers(response: Response) -> None:
    """Let the browser forget them, and the pages that it has open."""
    response.delete_cookie(_ANSWERS)
    response.delete_cookie(_PAGES)


def read_pages(request: Request) -> dict[str, list[str]]:
    """The ids of the answers on each page that this browser has open, by the page's name."""
    kept = parse_qsl(unquote(request.cookies.get(_PAGES, "")))
    return {name: ids.split(".") for name, ids in kept}


def remember_pages(
    request: Request, response: Response, pages: Mapping[str, Iterable[str]]
) -> None:
    """Keep the newest of these pages."""
    kept = {name: ".".join(ids) for name, ids in pages.items()}
    while len(quote(text := urlencode(kept), safe="")) > _PAGES_LENGTH:
        del kept[next(iter(kept))]
    _set(request, response, _PAGES, text)


def _set(request: Request, response: Response, name: str, value: str) -> None:
    response.set_cookie(
        name,
        quote(value, safe=""),
        max_age=_MAX_AGE,
        secure=request.url.scheme == "https",
        httponly=True,  # the script reads the ids from the page, where they are needed anyway
        samesite="lax",
    )


def _id_in(request: Request, name: str) -> str | None:
    given = request.cookies.get(name)
    if given is None:
        return None
    try:
        return parse_id(unquote(given), name)
    except InvalidInput:
        return None  # a cookie somebody tampered with is no cookie


# The first class that fits counts: special ones stand before their bases.
_ERROR_PAGES: tuple[tuple[type[PawsonalizeError], HTTPStatus, str], ...] = (
    (InputTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "That was too much at once"),
    (InvalidInput, HTTPStatus.BAD_REQUEST, "That did not work"),
    (NotFound, HTTPStatus.NOT_FOUND, "Nobody is here"),
    (Conflict, HTTPStatus.CONFLICT, "Not right now"),
    (NotReady, HTTPStatus.SERVICE_UNAVAILABLE, "Not quite awake yet"),
    (StorageUnavailable, HTTPStatus.SERVICE_UNAVAILABLE, "We lost our notebook"),
    (CorruptArtefact, HTTPStatus.SERVICE_UNAVAILABLE, "We lost our notebook"),
)


def error_page(request: Request, error: PawsonalizeError) -> HTMLResponse:
    """A page that says what went wrong and what to do next."""
    status, title = next(
        (status, title) for kind, status, title in _ERROR_PAGES if isinstance(error, kind)
    )
    name = Storefront.of(request).name
    return page("error.html", status, title=title, message=error.message, site_name=name)


Fields = Mapping[str, str]
Endpoint = Callable[[Request], Awaitable[Response]]

_MAX_FORM_BYTES = 16 * 1024


def shown(answer: Callable[[Request, Visitor], Response]) -> Endpoint:
    """A page: rendered in a thread, because the tables may take their time."""

    async def endpoint(request: Request) -> Response:
        visitor = read_visitor(request)
        try:
            response = await run_in_threadpool(answer, request, visitor)
        except PawsonalizeError as error:
            response = error_page(request, error)
        remember(request, response, visitor)
        return response

    return endpoint


def posted_form(act: Callable[[Request, Visitor, Fields], Awaitable[Response]]) -> Endpoint:
    """A form of this site, with its fields."""

    async def endpoint(request: Request) -> Response:
        try:
            return await act(request, read_visitor(request), await _read_fields(request))
        except PawsonalizeError as error:
            return error_page(request, error)

    return endpoint


def see(path: str) -> RedirectResponse:
    """After a form: look there next."""
    return RedirectResponse(path, status_code=303)


async def _read_fields(request: Request) -> Fields:
    body = await read_bounded(request.stream(), _MAX_FORM_BYTES)
    return dict(parse_qsl(body.decode("utf-8", "replace")))
