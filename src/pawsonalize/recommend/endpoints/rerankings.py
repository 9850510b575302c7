"""POST /v1/rerankings: in which order should this list be shown?"""

from collections.abc import Mapping
from email.utils import formatdate
from functools import partial
from types import MappingProxyType
from typing import Annotated, NamedTuple
from uuid import uuid4

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.forms.decoder import Form, Id, Odd, first_of_each
from pawsonalize.core.http.errors import warnings_of
from pawsonalize.core.http.examples import ANIMALS_RERANKING, RERANKING, SHOP_RERANKING
from pawsonalize.core.http.json import json_response, read_form
from pawsonalize.core.http.operation import HIDDEN, WANTED, About, Operations, RequestParameter
from pawsonalize.core.limits import parse_id
from pawsonalize.core.scopes import BROWSER, RUNTIME
from pawsonalize.core.times import SECOND
from pawsonalize.events.event_form import AnimalMetadata
from pawsonalize.operations import addressing
from pawsonalize.operations.services import Services, services_of
from pawsonalize.recommend.animals.recommender import AnimalRecommender, AnimalsAnswer
from pawsonalize.recommend.campaigns import Purpose
from pawsonalize.recommend.endpoints import answers, queries
from pawsonalize.recommend.endpoints.recommendations import AnimalsFound, explained, find, shown
from pawsonalize.recommend.groups import MAX_RESULTS, Candidate, GroupRecommender, RankingAnswer
from pawsonalize.resources.defaults import DATASET_GROUP

OPERATIONS = Operations()


class ItemMetadata(Form, frozen=True, rename="camel"):
    """One place of the list: an animal, by the caller's id, and its attributes."""

    item_id: Annotated[Id | UnsetType, Meta(extra_json_schema={WANTED: True})] = UNSET
    """The animal; in another dataset group than the default one, it may be an item."""
    animal_metadata: AnimalMetadata | None = None
    """Attributes of its group; an animal of the inventory, or an item, needs none."""
    animal_id: Annotated[Id | UnsetType, Meta(extra_json_schema={HIDDEN: True})] = UNSET

    def named(self) -> str:
        """Return the animal, by either of its names; InvalidInput without one, and for both."""
        if self.animal_id is UNSET:
            if self.item_id is UNSET:
                raise InvalidInput("itemId is missing: send it", field="itemId")
            return parse_id(self.item_id, "itemId")
        if self.item_id is not UNSET:
            raise InvalidInput("itemId and animalId are one thing: send one", field="animalId")
        return parse_id(self.animal_id, "animalId")


class RerankingRequest(queries.QueryFields, frozen=True, rename="camel", kw_only=True):
    """A list of 1 to 500 animals to order for a user or a session.

    Of groups, everybody of the list is in the answer, in the order of their groups. Of animals,
    those of the inventory that are available and that the rules allow. What does not pass the
    filter is left out of the answer.
    """

    item_metadata_list: Annotated[
        list[ItemMetadata], Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_RESULTS})
    ]
    """The list."""


class RankedList(NamedTuple):
    """The answer of groups, columns of each, what is included of animals, and odd attributes."""

    answer: RankingAnswer
    columns: Mapping[str, answers.Metadata] = MappingProxyType({})
    included: answers.Included = answers.NOTHING
    odd: Odd = MappingProxyType({})


@OPERATIONS.add(
    "POST",
    "/v1/rerankings",
    RUNTIME | BROWSER,
    about=About.ANSWER,
    request=RerankingRequest,
    answer=answers.RerankingResponse,
    notes=(
        "In the list `itemId` names an animal, as requests to Amazon Personalize do;"
        " `animalId` is taken as well. Everywhere else `itemId` is a group."
    ),
    examples={
        "three animals": RERANKING,
        "of the inventory": ANIMALS_RERANKING,
        "of another dataset group": SHOP_RERANKING,
    },
    parameters=(
        RequestParameter("detail", "`full` adds each animal's score and reasons."),
        *addressing.ADDRESS_PARAMETERS,
    ),
    answer_headers=answers.RECOMMENDATION_ID,
    summary="In which order should this list be shown?",
)
async def post_rerankings(request: Request) -> Response:
    """Order the list; ties keep its order, and what nothing is known of comes last in it."""
    services = services_of(request)
    given = await read_form(request, RerankingRequest)
    if given.user_id is None and given.session_id is None:
        raise InvalidInput("userId is missing: send it, or a sessionId", field="userId")
    is_full, lists = queries.is_detailed(request), bool(given.include)
    address = await queries.prepare(request, given, given.repeats, detailed=is_full)
    now = services.now()
    if given.of == "animals":
        animal_recommender = await addressing.recommender_for(request, address, Purpose.RANKING)
        rerank = partial(_rerank_animals, services, animal_recommender, given, is_full)
        found = await queries.answer_in_lane(request, DATASET_GROUP, given, rerank)
        return animal_ranking_response(found, now, is_full=is_full, lists=lists)
    queries.check_of_groups(given)
    by = await addressing.answering(request, address, Purpose.RANKING)
    make = partial(_rerank, services, by, given, is_full)
    ranked = await queries.answer_in_lane(request, by.dataset_group, given, make)
    return ranking_response(ranked, now, is_full=is_full, lists=lists)


def _rerank_animals(
    services: Services,
    animal_recommender: AnimalRecommender,
    given: RerankingRequest,
    explain: bool,
) -> AnimalsFound:
    queries.refuse_of_animals(given, "metadata_columns")
    query = queries.read_query(services, given, DATASET_GROUP, explain=explain)
    rerank = partial(animal_recommender.rerank, _named(given.item_metadata_list))
    return find(services, animal_recommender, query, given.include, rerank)


def _rerank(
    services: Services, by: GroupRecommender, given: RerankingRequest, explain: bool
) -> RankedList:
    query = queries.read_query(services, given, by.dataset_group, explain=explain)
    if given.include:  # then the visitor's place counts, which may be stored
        query = services.animal_recommender.with_profile(query)
    answer = by.rerank(query, _candidates(services, given, by.dataset_group, query.at))
    groups = [group.item_id for group in answer.groups]
    columns = queries.read_metadata(
        services, by.dataset_group, groups, given.metadata_columns, query.now
    )
    places = [(one.item_id,) for one in answer.items]
    included = queries.read_included(
        services, services.animal_recommender, given.include, query, places
    )
    odd = first_of_each(
        (place, warning)
        for place, item in enumerate(given.item_metadata_list)
        if item.animal_metadata is not None
        for warning in item.animal_metadata.group().warnings()
    )
    return RankedList(answer, columns, included, odd)


def _named(items: list[ItemMetadata]) -> list[str]:
    ids = []
    for place, item in enumerate(items):
        try:
            ids.append(item.named())
        except InvalidInput as error:
            raise _at(place, error) from error
    return ids


def _at(place: int, error: InvalidInput) -> InvalidInput:
    return InvalidInput(error.message, field=f"itemMetadataList[{place}].{error.field}")


def _candidates(
    services: Services, given: RerankingRequest, dataset_group: str, at: int
) -> list[Candidate]:
    items = given.item_metadata_list
    ids = _named(items)
    # The inventory is read for those alone whose attributes the caller left out.
    left = [one for one, item in zip(ids, items, strict=True) if item.animal_metadata is None]
    known = services.inventory.groups_of(left, at) if left else {}
    found = []
    for place, (one, item) in enumerate(zip(ids, items, strict=True)):
        try:
            if item.animal_metadata is not None:
                group = item.animal_metadata.group().id
            elif one in known or dataset_group != DATASET_GROUP:
                group = known.get(one, one)
            else:
                raise InvalidInput(
                    f"animal {one} is not in the inventory: send its attributes too",
                    field="animalMetadata",
                )
        except InvalidInput as error:
            raise _at(place, error) from error
        found.append(Candidate(one, group))
    return found


def ranking_response(
    found: RankedList, now: int, *, is_full: bool, lists: bool = False
) -> Response:
    """Return the answer of groups; if it `lists` them or is full, with the animals."""
    answer, columns, included, odd = found
    ranked = [
        answers.RankedGroup(group.item_id, group.score, columns.get(group.item_id, {}))
        for group in answer.groups
    ]
    animals = [
        answers.RankedAnimal(
            id=one.item_id,
            item_id=group_id,
            score=one.score,
            animal=included.get(one.item_id, UNSET),
            reasons=list(map(str, one.reasons)) if is_full else UNSET,
        )
        for one, group_id in zip(answer.items, answer.group_ids, strict=True)
    ]
    return _respond(answer, ranked, animals, now, is_full=is_full, lists=lists, odd=odd)


def animal_ranking_response(
    found: AnimalsFound, now: int, *, is_full: bool, lists: bool = False
) -> Response:
    """Return the answer of animals; a group's score is that of its best animal, as a share."""
    answer, included = found
    best: dict[str, float] = {}
    for place in answer.places:
        best.setdefault(place.group_id, place.score)
    total = sum(best.values())
    ranked = [answers.RankedGroup(group_id, score / total) for group_id, score in best.items()]
    animals = [
        answers.RankedAnimal(**shown(place, included), **(explained(place) if is_full else {}))
        for place in answer.places
    ]
    return _respond(answer, ranked, animals, now, is_full=is_full, lists=lists)


def _respond(
    answer: RankingAnswer | AnimalsAnswer,
    ranked: list[answers.RankedGroup],
    animals: list[answers.RankedAnimal],
    now: int,
    *,
    is_full: bool,
    lists: bool,
    odd: Odd = MappingProxyType({}),
) -> Response:
    request_id, name = str(uuid4()), answer.recommendation_id
    body = {"personalizedRanking": ranked, "recommendationId": name}
    headers = {
        "date": formatdate(now / SECOND, usegmt=True),
        "content-type": "application/json",
        "content-length": str(len(msgspec.json.encode(body))),
        "connection": "keep-alive",
        "x-amzn-requestid": request_id,
    }
    personalize = answers.PersonalizeResponse(
        answers.ResponseMetadata(request_id, headers), ranked, name
    )
    response = answers.RerankingResponse(
        [one.id for one in animals],
        personalize,
        answer.solution_version if is_full else UNSET,
        animals if is_full or lists else UNSET,
        warnings_of(odd),
    )
    return json_response(response, headers={answers.RECOMMENDATION_HEADER: name})
