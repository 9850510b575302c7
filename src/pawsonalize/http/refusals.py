"""What becomes of events that are refused: they are counted, and kept if a wing keeps them."""

from collections.abc import Sequence

from starlette.requests import Request

from pawsonalize.domain.errors import Forbidden, InvalidInput, TooManyRequests
from pawsonalize.engine.ingest.decoding.payloads import Part
from pawsonalize.engine.ingest.events import IngestReceipt
from pawsonalize.engine.ingest.refusals import HTTP, RefusedInput
from pawsonalize.http.callers import UNSIGNED, caller_of
from pawsonalize.http.services import Services

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
            RefusedInput(
                HTTP,
                dataset_group,
                at,
                bytes(parts[one.index].raw),
                one.code,
                one.message,
                one.field,
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
        refusal = RefusedInput(
            HTTP, dataset_group, at, body, error.code, error.message, error.field
        )
        await _keep(request, [refusal])


async def _keep(request: Request, refused: Sequence[RefusedInput]) -> None:
    """Keep them; the request then knows of how many nothing is left."""
    services: Services = request.app.state.services
    request.state.lost = len(refused)
    if refused and services.refusals is not None:
        caller = caller_of(request)
        request.state.lost = await services.refusals.keep(
            refused, is_page=caller.is_page, user_id=caller.user_id
        )
