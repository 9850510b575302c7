"""Answers of individual animals, as this door gives them."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.ids import parse_id
from pawsonalize.engine.serving.animals.ranking import (
    AnimalPlace,
    AnimalsAnswer,
    Individuals,
)
from pawsonalize.engine.serving.animals.settings import PARTS
from pawsonalize.engine.serving.directory import Purpose
from pawsonalize.engine.serving.query import Query
from pawsonalize.http.addressing import individuals_for, query_address, read_visitor
from pawsonalize.http.callers import check_visitor
from pawsonalize.http.json import json_response, read_limit
from pawsonalize.http.services import Services

RECOMMENDATION_HEADER = "X-Recommendation-Id"
RECOMMENDATION_ID = {
    RECOMMENDATION_HEADER: "The answer's id: send it with the events it led to.",
}


class RecommendedAnimal(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An animal, its group and its score; `bondedWith` are those who go with it."""

    id: str
    item_id: str
    score: float
    bonded_with: list[str] = []


class DetailedAnimal(msgspec.Struct, frozen=True, rename="camel"):
    """An animal with why it stands there.

    `factors` add up to `utility` in their order: what everybody makes of such animals (`appeal`)
    and of this very one (`animal_effect`), how much the group is liked by its events (`group`),
    what this visitor makes of pages (`visitor`), less for what was `seen` already; and each factor
    times its weight. `explored` and `propensity` are as for groups.
    """

    id: str
    item_id: str
    score: float
    bonded_with: list[str]
    explored: bool
    propensity: float
    utility: float
    factors: dict[str, float]
    reasons: list[str]


class DetailedAnimals(msgspec.Struct, frozen=True, rename="camel"):
    """The answer of animals with `?detail=full`."""

    recommendation_id: str
    solution_version: str
    recommendations: list[DetailedAnimal]


async def get_similar(request: Request) -> Response:
    """Animals like one animal."""
    services: Services = request.app.state.services
    given = request.query_params
    animal_id = parse_id(request.path_params["animal_id"], "animal_id")
    limit = read_limit(given.get("limit"), 10)
    is_full = is_detailed(request)
    visitor = read_visitor(given.get("userId"), given.get("sessionId"))
    check_visitor(request, visitor.user_id, detailed=is_full)
    individuals = await individuals_for(request, query_address(request), Purpose.COMPARING)
    answer = await services.read(
        _similar, services, individuals, animal_id, visitor, limit, is_full
    )
    return animals_response(answer, is_full)


def is_detailed(request: Request) -> bool:
    """Whether `?detail=full` is asked for."""
    detail = request.query_params.get("detail")
    if detail not in {None, "full"}:
        raise InvalidInput("detail must be full, or left out", field="detail")
    return detail == "full"


def animals_response(answer: AnimalsAnswer, is_full: bool) -> Response:
    """The answer, with or without its reasons."""
    headers = {RECOMMENDATION_HEADER: answer.recommendation_id}
    if not is_full:
        return json_response([_short(place) for place in answer.places], headers=headers)
    detailed = [detailed_animal(place) for place in answer.places]
    return json_response(
        DetailedAnimals(answer.recommendation_id, answer.solution_version, detailed),
        headers=headers,
    )


def _similar(
    services: Services,
    individuals: Individuals,
    animal_id: str,
    visitor: Visitor,
    limit: int,
    explain: bool,
) -> AnimalsAnswer:
    now = services.now()
    query = Query(visitor, now, now, limit=limit, explain=explain)
    return individuals.similar(animal_id, individuals.with_profile(query))


def _short(place: AnimalPlace) -> RecommendedAnimal:
    first, *others = place.animal_ids
    return RecommendedAnimal(first, place.group_id, place.score, others)


def detailed_animal(place: AnimalPlace) -> DetailedAnimal:
    """The place with all that is known of it."""
    first, *others = place.animal_ids
    return DetailedAnimal(
        first,
        place.group_id,
        place.score,
        others,
        place.explored,
        place.propensity,
        place.utility,
        dict(zip(PARTS, place.parts, strict=True)),
        list(place.reasons),
    )
