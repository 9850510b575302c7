"""Recommendations of animal groups or animals, and the animals like one."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import repeat
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import UNSET, Meta
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.forms.decoder import Id
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.http import examples
from pawsonalize.core.http.json import json_response, read_form, read_limit
from pawsonalize.core.http.operation import About, Endpoint, Operations, RequestParameter
from pawsonalize.core.limits import parse_id
from pawsonalize.core.scopes import BROWSER, RUNTIME
from pawsonalize.operations import addressing
from pawsonalize.operations.addressing import check_visitor
from pawsonalize.operations.services import Services, services_of
from pawsonalize.recommend.animals.recommender import AnimalPlace, AnimalRecommender, AnimalsAnswer
from pawsonalize.recommend.animals.settings import PARTS
from pawsonalize.recommend.campaigns import Purpose
from pawsonalize.recommend.endpoints import answers, queries
from pawsonalize.recommend.groups import Answer, GroupRecommender
from pawsonalize.recommend.query import Query
from pawsonalize.resources.defaults import DATASET_GROUP

OPERATIONS = Operations()
_EXAMPLES = {
    "animals as a page shows them": examples.PAGE,
    "animals": examples.ANIMALS,
    "groups, for a user": examples.RECOMMENDATION,
    "filtered": examples.FILTERED,
    "promoting": examples.PROMOTED,
    "of another dataset group": examples.SHOP_RECOMMENDATION,
    "of one campaign": examples.SHOP_SIMILAR,
}
_SIMILAR = (
    RequestParameter("animalId", "The animal.", where="path", required=True),
    RequestParameter("limit", "At most so many, 1 to 500; 10 if left out.", int),
    RequestParameter("userId", "For whom."),
    RequestParameter("sessionId", "For which session."),
    RequestParameter("include", "`animal` adds what a page shows of each animal."),
    *addressing.ADDRESS_PARAMETERS,
)


class RecommendationRequest(queries.QueryFields, frozen=True, rename="camel", kw_only=True):
    """A query for recommendations. Without a user or session they are general ones."""

    item_id: Id | None = None
    """Item to compare with: a campaign of `similar-items` answers items like this one."""
    limit: Annotated[int, Meta(ge=1, le=500)] = 10
    """Number of places, 1 to 500."""
    continues: queries.PageAnswers = msgspec.field(default_factory=list)
    """Of animals: the `recommendationId`s of all answers that the page shows. The answer goes on
    with animals that are in none of them, and what the visitor looked past there does not count."""
    promotions: Annotated[
        list[queries.PromotionRequest], Meta(extra_json_schema={"maxItems": queries.MAX_PROMOTIONS})
    ] = msgspec.field(default_factory=list)
    """Of groups: what gets some of the places."""


def _with_details(
    method: str,
    path: str,
    question: str,
    names: tuple[str, str],
    parameters: tuple[RequestParameter, ...],
    **more: object,
) -> Callable[[Endpoint], Endpoint]:
    """Declare an operation, and below `…/detailed` the same with scores and reasons."""

    def declare(endpoint: Endpoint) -> Endpoint:
        for name, end, why, answer, differing in (
            (names[0], "", "", list[answers.Recommendation], {"notes": answers.DETAILED}),
            (names[1], answers.DETAILED_PATH, ", and why", answers.DetailedRecommendations, {}),
        ):
            OPERATIONS.add(
                method,
                f"{path}{end}",
                RUNTIME | BROWSER,
                name=name,
                about=About.ANSWER,
                answer=answer,
                parameters=parameters if end else (*parameters, answers.HIDDEN_DETAIL),
                answer_headers=answers.RECOMMENDATION_ID | answers.ASK,
                summary=f"{question}{why}?",
                **differing,
                **more,
            )(endpoint)
        return endpoint

    return declare


class AnimalsFound(NamedTuple):
    """An answer of animals, and what is included of them."""

    answer: AnimalsAnswer
    included: answers.Included = answers.NOTHING


@_with_details(
    "POST",
    "/v1/recommendations",
    "Which animal groups, or animals, for this visitor",
    ("post_recommendations", "post_detailed_recommendations"),
    addressing.ADDRESS_PARAMETERS,
    request=RecommendationRequest,
    examples=_EXAMPLES,
)
async def post_recommendations(request: Request) -> Response:
    """Recommend groups, best first; an acknowledged event is in the very next answer."""
    is_full = queries.is_detailed(request)
    services = services_of(request)
    given = await read_form(request, RecommendationRequest)
    address = await queries.prepare(
        request, given, given.continues or given.repeats, detailed=is_full
    )
    if given.of == "animals":
        animal_recommender = await addressing.recommender_for(
            request, address, Purpose.RECOMMENDING
        )
        recommend = partial(_recommend_animals, services, animal_recommender, given, is_full)
        found = await queries.answer_in_lane(request, DATASET_GROUP, given, recommend)
        return animals_response(found, is_full)
    queries.check_of_groups(given, "include", "continues")
    purpose = Purpose.RECOMMENDING if given.item_id is None else Purpose.COMPARING
    by = await addressing.answering(request, address, purpose)
    make = partial(_recommend, services, by, given, is_full)
    answer, columns = await queries.answer_in_lane(request, by.dataset_group, given, make)
    return recommendations_response(answer, columns, is_full=is_full)


def _recommend_animals(
    services: Services,
    animal_recommender: AnimalRecommender,
    given: RecommendationRequest,
    explain: bool,
) -> AnimalsFound:
    queries.refuse_of_animals(given, "item_id", "promotions", "metadata_columns")
    query = queries.read_query(
        services,
        given,
        DATASET_GROUP,
        explain=explain,
        limit=given.limit,
        continues=tuple(map(parse_id, given.continues, repeat("continues"))),
    )
    if query.continues and query.repeats:
        raise InvalidInput("a page is continued or repeated: send one", field="continues")
    return find(services, animal_recommender, query, given.include, animal_recommender.recommend)


def _recommend(
    services: Services, by: GroupRecommender, given: RecommendationRequest, explain: bool
) -> tuple[Answer, dict[str, answers.Metadata]]:
    item_id = None if given.item_id is None else parse_id(given.item_id, "itemId")
    is_default = by.dataset_group == DATASET_GROUP
    if is_default and item_id is not None and AnimalGroup.parse(item_id) is None:
        raise InvalidInput(
            f"itemId {item_id} is no animal group, species-breed-size-age: send one, or ask"
            " GET /v1/animals/{animalId}/similar of an animal",
            field="itemId",
        )
    query = queries.read_query(
        services,
        given,
        by.dataset_group,
        explain=explain,
        limit=given.limit,
        item_id=item_id,
        promotion=queries.read_promotion(services, by.dataset_group, given.promotions),
    )
    answer = by.recommend(query)
    ids = [item.item_id for item in answer.items]
    wanted = given.metadata_columns
    return answer, queries.read_metadata(services, by.dataset_group, ids, wanted, query.now)


def recommendations_response(
    answer: Answer, columns: Mapping[str, answers.Metadata] = MappingProxyType({}), *, is_full: bool
) -> Response:
    """Return the answer of groups; `columns` has the requested ones of each group."""
    if not is_full:
        groups = [
            answers.Recommendation(
                id=one.item_id,
                promotion_name=one.promotion or UNSET,
                metadata=columns.get(one.item_id, {}),
            )
            for one in answer.items
        ]
        return _respond(answer, groups, is_full)
    detailed = [
        answers.DetailedRecommendation(
            id=one.item_id,
            score=one.score,
            explored=one.explored,
            propensity=one.propensity,
            reasons=list(map(str, one.reasons)),
            metadata=_attributes(one.item_id) | columns.get(one.item_id, {}),
            promotion_name=one.promotion,
        )
        for one in answer.items
    ]
    return _respond(answer, detailed, is_full)


def _respond(answer: Answer | AnimalsAnswer, places: list[Any], is_full: bool) -> Response:
    name, asks = answer.recommendation_id, getattr(answer, "asks", UNSET)  # of animals alone
    headers = {answers.RECOMMENDATION_HEADER: name}
    if asks is not UNSET:
        headers[answers.ASK_HEADER] = str(asks).lower()
    if not is_full:
        return json_response(places, headers=headers)
    detailed = answers.DetailedRecommendations(name, answer.solution_version, places, asks)
    return json_response(detailed, headers=headers)


def _attributes(item_id: str) -> answers.Metadata:
    group = AnimalGroup.parse(item_id)
    return {} if group is None else {**group.metadata}


@_with_details(
    "GET",
    "/v1/animals/{animal_id:path}/similar",
    "Which animals are like this one",
    ("get_similar", "get_similar_detailed"),
    _SIMILAR,
)
async def get_similar(request: Request) -> Response:
    """Answer with animals like one animal."""
    is_full = queries.is_detailed(request)
    services = services_of(request)
    given = request.query_params
    animal_id = parse_id(request.path_params["animal_id"], "animal_id")
    limit = read_limit(given.get("limit"), 10)
    include = queries.read_include(given.get("include"))
    visitor = addressing.read_visitor(given.get("userId"), given.get("sessionId"))
    check_visitor(request, visitor.user_id, detailed=is_full)
    address = addressing.address_of(request)
    animal_recommender = await addressing.recommender_for(request, address, Purpose.COMPARING)
    now = services.now()
    query = Query(visitor, now, now, limit=limit, explain=is_full)
    similar = partial(animal_recommender.similar, animal_id)
    found = await services.read(find, services, animal_recommender, query, include, similar)
    return animals_response(found, is_full)


def find(
    services: Services,
    animal_recommender: AnimalRecommender,
    query: Query,
    include: list[answers.Includable],
    answer: Callable[[Query], AnimalsAnswer],
) -> AnimalsFound:
    """Answer the query, completed by the stored profile, with what it is to include."""
    query = animal_recommender.with_profile(query)
    animals = answer(query)
    if not include:
        return AnimalsFound(animals)
    places = [place.animal_ids for place in animals.places]
    included = queries.read_included(services, animal_recommender, include, query, places)
    return AnimalsFound(animals, included)


def animals_response(found: AnimalsFound, is_full: bool) -> Response:
    """Return the answer of animals, with or without its reasons."""
    answer, included = found
    form = answers.DetailedRecommendation if is_full else answers.Recommendation
    places = [
        form(
            **shown(place, included),
            **(explained(place) if is_full else {"bonded_with": list(place.animal_ids[1:])}),
            recommendation_id=place.recommendation_id or UNSET,
        )
        for place in answer.places
    ]
    return _respond(answer, places, is_full)


def shown(place: AnimalPlace, included: answers.Included) -> dict[str, Any]:
    """Return the fields that every answer has of a place."""
    first = place.animal_ids[0]
    animal = included.get(first, UNSET)
    return {"id": first, "item_id": place.group_id, "score": place.score, "animal": animal}


def explained(place: AnimalPlace) -> dict[str, Any]:
    """Return the fields that detailed answers have besides."""
    return {
        "bonded_with": list(place.animal_ids[1:]),
        "explored": place.explored,
        "propensity": place.propensity,
        "utility": place.utility,
        "factors": dict(zip(PARTS, place.parts, strict=True)),
        "reasons": list(map(str, place.reasons)),
    }
