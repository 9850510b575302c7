"""Errors as pages: one mapping table."""

from http import HTTPStatus

from starlette.responses import HTMLResponse

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
from pawsonalize.ui.rendering import page

# The first class that fits counts: special ones stand before their bases.
_ANSWERS: tuple[tuple[type[PawsonalizeError], HTTPStatus, str], ...] = (
    (InputTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "That was too much at once"),
    (InvalidInput, HTTPStatus.BAD_REQUEST, "That did not work"),
    (NotFound, HTTPStatus.NOT_FOUND, "Nobody is here"),
    (Conflict, HTTPStatus.CONFLICT, "Not right now"),
    (NotReady, HTTPStatus.SERVICE_UNAVAILABLE, "Not quite awake yet"),
    (StorageUnavailable, HTTPStatus.SERVICE_UNAVAILABLE, "We lost our notebook"),
    (CorruptArtefact, HTTPStatus.SERVICE_UNAVAILABLE, "We lost our notebook"),
)


def error_page(error: PawsonalizeError) -> HTMLResponse:
    """A page that says what went wrong and what to do next."""
    status, title = next(
        (status, title) for kind, status, title in _ANSWERS if isinstance(error, kind)
    )
    return page("error.html", status, title=title, message=error.message)
