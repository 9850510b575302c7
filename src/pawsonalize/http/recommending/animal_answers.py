"""Answers of individual animals, as this door gives them."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.ids import parse_id
from pawsonalize.engine.serving.animals.answer import AnimalPlace, AnimalsAnswer
from pawsonalize.engine.serving.animals.ranking import Individuals
from pawsonalize.engine.serving.animals.settings import PARTS
from pawsonalize.engine.serving.context import Query
from pawsonalize.engine.serving.directory import Purpose
from pawsonalize.http.addressing import (
    ADDRESS_PARAMETERS,
    individuals_for,
    query_address,
    read_visitor,
)
from pawsonalize.http.callers import check_visitor
from pawsonalize.http.json import json_response, read_limit
from pawsonalize.http.operation import About, Operations, RequestParameter
from pawsonalize.http.recommending.answers import (
    DETAILED,
    HIDDEN_DETAIL,
    RECOMMENDATION_HEADER,
    RECOMMENDATION_ID,
    DetailedRecommendation,
    DetailedRecommendations,
    Recommendation,
    is_detailed,
)
from pawsonalize.http.recommending.included import (
    NOTHING,
    Includable,
    Included,
    IncludedAnimal,
    read_include,
    read_included,
)
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import BROWSER, RUNTIME

OPERATIONS = Operations()
_SIMILAR = (
    RequestParameter("animalId", "The animal.", where="path", required=True),
    RequestParameter("limit", "How many, 1 to 500; 10 if left out.", int),
    RequestParameter("userId", "For whom."),
    RequestParameter("sessionId", "For which session."),
    RequestParameter("include", "`animal` adds what a page shows of each animal."),
    *ADDRESS_PARAMETERS,
)


class AnimalsFound(NamedTuple):
    """An answer of animals, and what is included of them."""

    answer: AnimalsAnswer
    included: Included = NOTHING


@OPERATIONS.add(
    "GET",
    "/v1/animals/{animal_id:path}/similar",
    RUNTIME | BROWSER,
    about=About.ANSWER,
    answer=list[Recommendation],
    notes=DETAILED,
    parameters=(*_SIMILAR, HIDDEN_DETAIL),
    answer_headers=RECOMMENDATION_ID,
    summary="Which animals are like this one?",
)
async def get_similar(request: Request) -> Response:
    """Animals like one animal."""
    return await _answer(request, is_detailed(request))


@OPERATIONS.add(
    "GET",
    "/v1/animals/{animal_id:path}/similar/detailed",
    RUNTIME | BROWSER,
    about=About.ANSWER,
    answer=DetailedRecommendations,
    parameters=_SIMILAR,
    answer_headers=RECOMMENDATION_ID,
    summary="Which animals are like this one, and why?",
)
async def get_similar_detailed(request: Request) -> Response:
    """The same with scores, propensities and reasons."""
    return await _answer(request, is_full=True)


async def _answer(request: Request, is_full: bool) -> Response:
    services: Services = request.app.state.services
    given = request.query_params
    animal_id = parse_id(request.path_params["animal_id"], "animal_id")
    limit = read_limit(given.get("limit"), 10)
    include = read_include(given.get("include"))
    visitor = read_visitor(given.get("userId"), given.get("sessionId"))
    check_visitor(request, visitor.user_id, detailed=is_full)
    individuals = await individuals_for(request, query_address(request), Purpose.COMPARING)
    now = services.now()
    query = Query(visitor, now, now, limit=limit, explain=is_full)
    similar = partial(individuals.similar, animal_id)
    found = await services.read(find, services, individuals, query, include, similar)
    return animals_response(found, is_full)


def animals_response(found: AnimalsFound, is_full: bool) -> Response:
    """The answer, with or without its reasons."""
    answer = found.answer
    headers = {RECOMMENDATION_HEADER: answer.recommendation_id}
    if not is_full:
        short = [_short(place, found.included) for place in answer.places]
        return json_response(short, headers=headers)
    detailed = [_detailed(place, found.included) for place in answer.places]
    return json_response(
        DetailedRecommendations(answer.recommendation_id, answer.solution_version, detailed),
        headers=headers,
    )


def find(
    services: Services,
    individuals: Individuals,
    query: Query,
    include: list[Includable],
    answer: Callable[[Query], AnimalsAnswer],
) -> AnimalsFound:
    """Answer the query, completed by the stored profile, with what it is to include."""
    query = individuals.with_profile(query)
    found = answer(query)
    places = [place.animal_ids for place in found.places]
    return AnimalsFound(found, read_included(services, individuals, include, query, places))


def _short(place: AnimalPlace, included: Included) -> Recommendation:
    first, *others = place.animal_ids
    return Recommendation(
        id=first,
        item_id=place.group_id,
        score=place.score,
        bonded_with=others,
        animal=included_of(first, included),
        recommendation_id=place.recommendation_id or UNSET,
    )


def _detailed(place: AnimalPlace, included: Included) -> DetailedRecommendation:
    first, *others = place.animal_ids
    return DetailedRecommendation(
        id=first,
        item_id=place.group_id,
        score=place.score,
        bonded_with=others,
        explored=place.explored,
        propensity=place.propensity,
        utility=place.utility,
        factors=factors_of(place),
        reasons=list(place.reasons),
        animal=included_of(first, included),
        recommendation_id=place.recommendation_id or UNSET,
    )


def factors_of(place: AnimalPlace) -> dict[str, float]:
    """What adds up to its utility, by name."""
    return dict(zip(PARTS, place.parts, strict=True))


def included_of(animal_id: str, included: Included) -> IncludedAnimal | UnsetType:
    """The animal, if it is included."""
    return included.get(animal_id, UNSET)
