"""Reports for operators: outcomes, exposure, what was changed, and servers."""

import re
from collections.abc import Mapping

import msgspec
from starlette.requests import Request

from pawsonalize.core.database.journal import AuditLog
from pawsonalize.core.http.json import read_count, read_limit, report_of
from pawsonalize.core.http.operation import About, Operations, RequestParameter
from pawsonalize.core.limits import match_cursor
from pawsonalize.core.scopes import OPERATOR
from pawsonalize.core.times import iso
from pawsonalize.core.work.servers import ServerState
from pawsonalize.operations.addressing import ADDRESS_PARAMETERS, read_group
from pawsonalize.operations.services import services_of
from pawsonalize.reports.outcomes_report import WITHIN_DAYS, read_order
from pawsonalize.reports.report import OutcomesReport

OPERATIONS = Operations(OPERATOR)

_CURSOR = re.compile(r"\d{1,18}", re.ASCII)


class AuditedAction(msgspec.Struct, frozen=True, omit_defaults=True):
    """An action of an operator: moment, key, operation, resource and outcome."""

    at: str
    who: str
    what: str
    outcome: str
    target: str | None = None


class AuditPage(msgspec.Struct, frozen=True, rename="camel"):
    """Actions, newest first; `nextCursor` fetches the next page and is null on the last."""

    actions: list[AuditedAction]
    next_cursor: str | None


@OPERATIONS.add(
    "GET",
    "/v1/audit",
    parameters=(
        RequestParameter("limit", "At most so many, 1 to 500; 50 if left out.", int),
        RequestParameter("cursor", "The `nextCursor` of the page before."),
    ),
    summary="What was changed, by which key, newest first.",
)
async def get_audit(request: Request) -> AuditPage:
    """Show what operators did."""
    services = services_of(request)
    return await services.read(audit_page, services.audit, request.query_params)


def audit_page(audit: AuditLog, given: Mapping[str, str]) -> AuditPage:
    """Return what operators did, as the parameters ask."""
    limit = read_count(given, "limit", 50, 1, 500)
    cursor = given.get("cursor")
    before = None if cursor is None else int(match_cursor(_CURSOR, cursor)[0])
    found = audit.newest(limit, before)
    actions = [report_of(AuditedAction, one, at=iso(one.at)) for _, one in found]
    return AuditPage(actions, str(found[-1][0]) if len(found) == limit else None)


class ServerAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A process of a server. `lives` is null until it was watched for some seconds.

    `tables` is the revision of the tables that its program knows; `serves` has the solution version
    of each campaign that it has loaded.
    """

    name: str
    host: str
    port: int | None
    roles: tuple[str, ...]
    lives: bool | None
    version: str
    tables: str
    serves: Mapping[str, str]
    started_at: str


def server_answer(state: ServerState) -> ServerAnswer:
    """Return the process as JSON has it."""
    one = state.server
    return report_of(ServerAnswer, one, lives=state.lives, tables=one.revision)


@OPERATIONS.add(
    "GET",
    "/v1/outcomes",
    about=About.GROUP,
    parameters=(
        RequestParameter("since", "From this moment; 180 days before `until` if left out."),
        RequestParameter("until", "To before this moment; now if left out."),
        RequestParameter("within", "Days from an answer to its outcome, 1 to 365; 30.", int),
        *ADDRESS_PARAMETERS,
    ),
    summary="What came of what was shown: adoptions, stays and who was never shown.",
)
async def get_outcomes(request: Request) -> OutcomesReport:
    """Report; it reads the whole time asked for, so it is made in a process of its own."""
    services = services_of(request)
    given = request.query_params
    order = read_order(
        given.get("since"),
        given.get("until"),
        services.now(),
        read_limit(given.get("within"), WITHIN_DAYS, "within"),
    )
    made = await services.reports.make(services.outcomes.make, await read_group(request), order)
    return made.report


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


@OPERATIONS.add("GET", "/v1/animals/exposure", about=About.INVENTORY)
async def get_animals_exposure(request: Request) -> ExposureAnswer:
    """Is exposure shared as the stock is?"""
    services = services_of(request)
    found = await services.reports.make(services.exposure, services.now())
    return ExposureAnswer([report_of(Share, one) for one in found])
