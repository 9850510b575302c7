"""GET /v1/outcomes and GET /v1/animals/exposure: reports."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.engine.reporting.outcomes_report import WITHIN_DAYS, read_order
from pawsonalize.engine.reporting.report import OutcomesReport
from pawsonalize.http.addressing import ADDRESS_PARAMETERS, read_group
from pawsonalize.http.json import json_response, read_limit
from pawsonalize.http.operation import About, Operations, RequestParameter
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import OPERATOR

OPERATIONS = Operations()


@OPERATIONS.add(
    "GET",
    "/v1/outcomes",
    OPERATOR,
    about=About.GROUP,
    answer=OutcomesReport,
    parameters=(
        RequestParameter("since", "From this moment; 180 days before `until` if left out."),
        RequestParameter("until", "To before this moment; now if left out."),
        RequestParameter("within", "Days from an answer to its outcome, 1 to 365; 30.", int),
        *ADDRESS_PARAMETERS,
    ),
    summary="What came of what was shown: adoptions, stays and who was never shown.",
)
async def get_outcomes(request: Request) -> Response:
    """Report; it reads the whole time asked for, so it is made in a process of its own."""
    services: Services = request.app.state.services
    given = request.query_params
    order = read_order(
        given.get("since"),
        given.get("until"),
        services.now(),
        read_limit(given.get("within"), WITHIN_DAYS, "within"),
    )
    group = await read_group(request)
    made = await services.reports.make(services.outcomes.make, group, order)
    return json_response(made.report)


class Share(msgspec.Struct, frozen=True, rename="camel"):
    """Animals alike in one respect: their share of the stock, and of what was shown of it.

    `ratio` is the second by the first: 1 where exposure is shared as the stock is, null where
    nothing was shown.
    """

    by: str
    value: str
    animals: int
    shown: int
    share_of_stock: float
    share_of_exposure: float
    ratio: float | None


class ExposureAnswer(msgspec.Struct, frozen=True):
    """The shares of all animals that are available."""

    shares: list[Share]


@OPERATIONS.add(
    "GET",
    "/v1/animals/exposure",
    OPERATOR,
    about=About.INVENTORY,
    answer=ExposureAnswer,
    summary="Is exposure shared as the stock is?",
)
async def get_animals_exposure(request: Request) -> Response:
    """Report the exposure of the animals that are available."""
    services: Services = request.app.state.services
    shares = await services.reports.make(services.exposure, services.now())
    return json_response(
        ExposureAnswer([msgspec.convert(one, Share, from_attributes=True) for one in shares])
    )
