"""Endpoints of pages and forms: the visitor, and errors as pages."""

import math
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import parse_qsl, quote, unquote, urlencode

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from pawsonalize.core import errors
from pawsonalize.core.event import Visitor
from pawsonalize.core.forms.decoder import read_bounded
from pawsonalize.core.limits import parse_id
from pawsonalize.site.languages import choose, speak, spoken, text
from pawsonalize.site.rendering import page
from pawsonalize.site.storefront import Storefront

Fields = Mapping[str, str]
Endpoint = Callable[[Request], Awaitable[Response]]

_MAX_FORM_BYTES = 16 * 1024
_SESSION = "pawsonalize_session"
_USER = "pawsonalize_user"
_ANSWERS = "pawsonalize_looking_for"
_PAGES = "pawsonalize_pages"
_LANGUAGE = "pawsonalize_lang"
_MAX_AGE = 90 * 24 * 3600
_PAGES_LENGTH = 3_000  # of a cookie that every browser and proxy takes


def new_session_id() -> str:
    """Return a session id that nobody can guess."""
    return secrets.token_urlsafe(18)


def _read_visitor(request: Request) -> Visitor:
    # Where keys are required no cookie says who the user is: anybody can write one.
    session_id = _id_in(request, _SESSION) or new_session_id()
    user_id = _id_in(request, _USER) if Storefront.of(request).is_open else None
    return Visitor(user_id, session_id)


def remember(request: Request, response: Response, visitor: Visitor) -> None:
    """Let the browser come back as this visitor."""
    for name, value in ((_SESSION, visitor.session_id), (_USER, visitor.user_id)):
        if value is None:
            response.delete_cookie(name)
        else:
            _set(request, response, name, value)


def read_answers(request: Request) -> str:
    """Return the answers of the quiz as they were kept; empty without any."""
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
    """Return the ids of the answers on each page that this browser has open, by its name."""
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
    with suppress(errors.InvalidInput):  # a cookie somebody tampered with is no cookie
        if (given := request.cookies.get(name)) is not None:
            return parse_id(unquote(given), name)
    return None


# The first class that fits counts: special ones stand before their bases.
_ERROR_PAGES: tuple[tuple[type[errors.PawsonalizeError], HTTPStatus, str], ...] = (
    (errors.InputTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_much"),
    (errors.InvalidInput, HTTPStatus.BAD_REQUEST, "invalid"),
    (errors.NotFound, HTTPStatus.NOT_FOUND, "not_found"),
    (errors.Conflict, HTTPStatus.CONFLICT, "conflict"),
    (errors.TooManyRequests, HTTPStatus.TOO_MANY_REQUESTS, "too_many"),
    (errors.NotReady, HTTPStatus.SERVICE_UNAVAILABLE, "not_ready"),
    (errors.StorageUnavailable, HTTPStatus.SERVICE_UNAVAILABLE, "storage"),
    (errors.CorruptArtefact, HTTPStatus.SERVICE_UNAVAILABLE, "storage"),
)


def _error_page(request: Request, error: errors.PawsonalizeError) -> HTMLResponse:
    status, title = next(
        (status, title) for kind, status, title in _ERROR_PAGES if isinstance(error, kind)
    )
    name = Storefront.of(request).name
    message = error.message if isinstance(error.message, Markup) else _in_words(error, title)
    return page("error.html", status, title=text(f"error.{title}"), message=message, site_name=name)


def _in_words(error: errors.PawsonalizeError, title: str) -> Markup:
    """Return what a visitor does next, or else the service's own English."""
    if isinstance(error, errors.TooManyRequests):
        return text(f"error.{title}_next", math.ceil(error.retry_after / 60))
    if f"error.{title}_next" in spoken().messages:
        return text(f"error.{title}_next")
    return text("error.says", message=error.message)


def speak_to(request: Request) -> str:
    """Answer in the visitor's language; return it if the address names one, to be kept."""
    wish = request.query_params.get("lang", "")
    kept, header = request.cookies.get(_LANGUAGE, ""), request.headers.get("accept-language", "")
    tag = choose(wish, kept, header)
    speak(tag)
    return tag if wish else ""


def shown(answer: Callable[[Request, Visitor], Response]) -> Endpoint:
    """Return a page's endpoint: in a thread, because the tables may take their time."""

    async def endpoint(request: Request) -> Response:
        wished = speak_to(request)
        visitor = _read_visitor(request)
        try:
            response = await run_in_threadpool(answer, request, visitor)
        except errors.PawsonalizeError as error:
            response = _error_page(request, error)
        remember(request, response, visitor)
        if wished:
            _set(request, response, _LANGUAGE, wished)
        return response

    return endpoint


def _no_page(_request: Request, _visitor: Visitor) -> Response:
    raise errors.NotFound(text("error.no_page"))


answer_no_page = shown(_no_page)


def posted_form(act: Callable[[Request, Visitor, Fields], Awaitable[Response]]) -> Endpoint:
    """Return a form's endpoint."""

    async def endpoint(request: Request) -> Response:
        speak_to(request)
        try:
            return await act(request, _read_visitor(request), await fields_of(request))
        except errors.PawsonalizeError as error:
            return _error_page(request, error)

    return endpoint


def see(path: str) -> RedirectResponse:
    """Lead to a page after a form."""
    return RedirectResponse(path, status_code=303)


async def fields_of(request: Request, most_bytes: int = _MAX_FORM_BYTES) -> dict[str, str]:
    """Return the fields of a form; of one that is there twice, the last."""
    body = await read_bounded(request.stream(), most_bytes)
    return dict(parse_qsl(body.decode("utf-8", "replace")))
