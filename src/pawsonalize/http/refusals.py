"""What becomes of events that are refused: they are counted, and kept as dead letters."""

from collections.abc import Sequence
from functools import partial

from starlette.requests import Request

from pawsonalize.domain.erasures import USER
from pawsonalize.domain.errors import Forbidden, InvalidInput, TooManyRequests
from pawsonalize.engine.ingest.decoding.payloads import Part
from pawsonalize.engine.ingest.events import IngestReceipt
from pawsonalize.http.callers import UNSIGNED, caller_of
from pawsonalize.http.services import Services
from pawsonalize.wings.dead_letters.letters import HTTP, DeadLetter, names_in

_NOT_INPUT = frozenset({UNSIGNED, Forbidden.code, TooManyRequests.code})
_EMPTY = frozenset({b"", b"[]"})


async def refused_events(
    request: Request,
    parts: Sequence[Part],
    dataset_group: str,
    at: int,
    receipt: IngestReceipt,
) -> None:
    """Count what was taken and what was not, and keep what was refused as input."""
    services: Services = request.app.state.services
    reasons = [
        one.field or one.code for one in receipt.rejected if one.code != TooManyRequests.code
    ]
    services.intake.count(at, receipt.accepted + receipt.duplicates, reasons)
    await _keep(
        request,
        [
            DeadLetter.of(
                HTTP,
                dataset_group,
                at,
                bytes(parts[one.index].raw),
                code=one.code,
                message=one.message,
                field=one.field,
            )
            for one in receipt.rejected
            if one.code not in _NOT_INPUT
        ],
    )


async def refused_call(
    request: Request, body: bytes, dataset_group: str, at: int, error: InvalidInput
) -> None:
    """The same for a body of which no event could be told."""
    services: Services = request.app.state.services
    services.intake.count(at, 0, [error.field or error.code])
    if body.strip() not in _EMPTY:
        letter = DeadLetter.of(
            HTTP,
            dataset_group,
            at,
            body,
            code=error.code,
            message=error.message,
            field=error.field,
        )
        await _keep(request, [letter])


async def _keep(request: Request, letters: Sequence[DeadLetter]) -> None:
    """Keep them; the request then knows of how many nothing is left."""
    services: Services = request.app.state.services
    request.state.lost = len(letters)
    if letters and services.refusals is not None:
        caller = caller_of(request)
        may_keep = partial(_speaks_of, caller.user_id) if caller.is_page else None
        request.state.lost = await services.refusals.keep(letters, may_keep)


def _speaks_of(user_id: str | None, letter: DeadLetter) -> bool:
    """Whether a letter names no other user: of others a page may not speak, mended or not.

    Nobody asks for a visitor's token when a letter is replayed.
    """
    return all(name == user_id for kind, name in names_in(letter.raw) if kind == USER)
