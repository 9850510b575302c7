"""POST /v1/visits: book a visit."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from paws_visits.book import Visit, VisitBook
from pawsonalize import SITE, Form, InvalidInput, Operations, read_form

OPERATIONS = Operations(SITE)


class VisitRequest(Form, frozen=True, rename="camel", kw_only=True):
    """A time to meet an animal."""

    animal_id: str
    """The animal."""
    at: int
    """Milliseconds since 1970."""
    name: str
    """Name of the person who comes."""


@OPERATIONS.add("POST", "/v1/visits", request=VisitRequest, status=201)
async def post_visits(request: Request) -> Visit:
    """Book a visit to an animal."""
    form = await read_form(request, VisitRequest)
    now = request.app.state.services.now()
    if form.at < now:
        raise InvalidInput(f"at is {form.at}, which is past: choose a later time", field="at")
    book: VisitBook = request.app.state.plugins["visits"]
    visit = Visit(form.animal_id, form.at, form.name)
    await run_in_threadpool(book.add, visit)
    return visit
