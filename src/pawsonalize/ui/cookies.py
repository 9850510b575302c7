"""Who visits: a session from the first page on, and a user once a name is given."""

import secrets
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.ids import parse_id

_SESSION = "pawsonalize_session"
_USER = "pawsonalize_user"
_ANSWERS = "pawsonalize_looking_for"
_MAX_AGE = 90 * 24 * 3600


def new_session_id() -> str:
    """A session id nobody can guess."""
    return secrets.token_urlsafe(18)


def read_visitor(request: Request) -> Visitor:
    """The visitor the cookies name; without any, somebody new."""
    session_id = _id_in(request, _SESSION) or new_session_id()
    return Visitor(_id_in(request, _USER), session_id)


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
    """Keep the answers of the quiz as long as the session."""
    _set(request, response, _ANSWERS, answers)


def forget_answers(response: Response) -> None:
    """Let the browser forget them."""
    response.delete_cookie(_ANSWERS)


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
