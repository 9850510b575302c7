"""What every page and every form has in common."""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pawsonalize.domain.errors import InvalidInput, PawsonalizeError
from pawsonalize.domain.events import Visitor
from pawsonalize.engine.ingest.decoding.decoder import read_bounded
from pawsonalize.ui.cookies import read_visitor, remember
from pawsonalize.ui.errors import error_page

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
            response = error_page(error)
        remember(request, response, visitor)
        return response

    return endpoint


def posted(act: Callable[[Request, Visitor, Fields], Awaitable[Response]]) -> Endpoint:
    """A form of this site, with its fields."""

    async def endpoint(request: Request) -> Response:
        try:
            _refuse_other_sites(request)
            return await act(request, read_visitor(request), await _read_fields(request))
        except PawsonalizeError as error:
            return error_page(error)

    return endpoint


def see(path: str) -> RedirectResponse:
    """After a form: look there next."""
    return RedirectResponse(path, status_code=303)


def _refuse_other_sites(request: Request) -> None:
    # Browsers say where a form stands; a page elsewhere must not act in a visitor's name.
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise InvalidInput("this form was sent from another site: open the page here and try again")


async def _read_fields(request: Request) -> Fields:
    body = await read_bounded(request.stream(), _MAX_FORM_BYTES)
    return dict(parse_qsl(body.decode("utf-8", "replace")))
