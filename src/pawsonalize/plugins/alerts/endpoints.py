"""GET /v1/animals/{animalId}/matches."""

from functools import partial

import msgspec
from starlette.requests import Request

from pawsonalize.core.http.json import read_count, report_of
from pawsonalize.core.http.operation import About, Operations, RequestParameter
from pawsonalize.core.limits import parse_id
from pawsonalize.core.scopes import SITE
from pawsonalize.operations.services import services_of
from pawsonalize.plugins.alerts.composition import Alerts
from pawsonalize.plugins.alerts.matching import Matches

OPERATIONS = Operations(SITE, about=About.INVENTORY)
USUAL, MOST = 10, 100


class AnimalMatch(msgspec.Struct, frozen=True, rename="camel"):
    """A user who may be told of the animal."""

    user_id: str
    """The user."""
    surplus: float
    """The chance less the mean chance of the ten best places of the user's own page without it."""
    chance: float
    """Chance that the user opens the animal, if it is seen; 0 to 1."""
    reasons: tuple[str, ...]
    """Reasons in words, as this user would read them beside the animal."""


class MatchesAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """Users who would love an animal, by surplus. Only users with a consent are among them."""

    animal_id: str
    """The animal."""
    willing: int
    """Users with the attribute `ALERTS` = `yes`."""
    weighed: int
    """Those of them that were weighed: the last active, at most 2,000."""
    matches: list[AnimalMatch]
    """The best; nobody who knows the animal already, or whom a rule keeps from it."""


@OPERATIONS.add(
    "GET",
    "/v1/animals/{animal_id:path}/matches",
    parameters=(
        RequestParameter("animalId", "The animal.", where="path", required=True),
        RequestParameter("limit", "At most so many, 1 to 100; 10 if left out.", int),
    ),
    notes=(
        "Each user is weighed as for a page of their own, so the answer takes some milliseconds"
        " for each user with a consent. It is logged nowhere."
    ),
)
async def get_matches(request: Request) -> MatchesAnswer:
    """Users who wish to be told of animals and would love this one."""
    services = services_of(request)
    animal_id = parse_id(request.path_params["animal_id"], "animal_id")
    limit = read_count(request.query_params, "limit", USUAL, 1, MOST)
    alerts: Alerts = request.app.state.plugins["alerts"]
    find = partial(alerts.matching.find, animal_id, limit, services.now())
    found: Matches = await services.reports.share(("matches", animal_id, limit), find)
    matches = [
        report_of(AnimalMatch, match, reasons=tuple(map(str, match.place.reasons)))
        for match in found.matches
    ]
    return MatchesAnswer(animal_id, found.willing, found.weighed, matches)
