"""POST /v1/rerankings: in which order should this list be shown?"""

from collections.abc import Mapping
from email.utils import formatdate
from functools import partial
from typing import Annotated, NamedTuple
from uuid import uuid4

import msgspec
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.limits import parse_id
from pawsonalize.domain.times import SECOND
from pawsonalize.engine.ingest.decoder import Form
from pawsonalize.engine.ingest.event_form import AnimalMetadata, Id
from pawsonalize.engine.serving.animals.answer import AnimalPlace, AnimalsAnswer
from pawsonalize.engine.serving.animals.ranking import Individuals
from pawsonalize.engine.serving.directory import Purpose
from pawsonalize.engine.serving.recommender import MAX_RESULTS, Candidate, RankingAnswer
from pawsonalize.http.addressing import ADDRESS_PARAMETERS, Answering, answering, individuals_for
from pawsonalize.http.answers import (
    NOTHING,
    RECOMMENDATION_HEADER,
    RECOMMENDATION_ID,
    Included,
    Metadata,
    PersonalizeResponse,
    RankedAnimal,
    RankedGroup,
    RerankingResponse,
    ResponseMetadata,
    is_detailed,
    read_included,
)
from pawsonalize.http.examples import ANIMALS_RERANKING, RERANKING, SHOP_RERANKING
from pawsonalize.http.json import json_response, read_form
from pawsonalize.http.operation import HIDDEN, WANTED, About, Operations, RequestParameter
from pawsonalize.http.queries import (
    QueryFields,
    answer_in_lane,
    check_of_groups,
    prepare,
    read_metadata,
    read_query,
)
from pawsonalize.http.recommendations import AnimalsFound, factors_of, find, included_of
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import BROWSER, RUNTIME
from pawsonalize.kinds.defaults import DATASET_GROUP

OPERATIONS = Operations()


class ItemMetadata(Form, frozen=True, rename="camel"):
    """One place of the list: an animal, by the caller's id, and its attributes."""

    item_id: Annotated[Id | UnsetType, Meta(extra_json_schema={WANTED: True})] = UNSET
    """The animal; in another dataset group than the default one, it may be an item."""
    animal_metadata: AnimalMetadata | None = None
    """What makes its group; an animal of the inventory, or an item, needs none."""
    animal_id: Annotated[Id | UnsetType, Meta(extra_json_schema={HIDDEN: True})] = UNSET

    def named(self) -> str:
        """The animal, by either of its names; InvalidInput without one, and for both."""
        if self.animal_id is UNSET:
            if self.item_id is UNSET:
                raise InvalidInput("itemId is missing: send it", field="itemId")
            return parse_id(self.item_id, "itemId")
        if self.item_id is not UNSET:
            raise InvalidInput("itemId and animalId are one thing: send one", field="animalId")
        return parse_id(self.animal_id, "animalId")


class RerankingRequest(QueryFields, frozen=True, rename="camel", kw_only=True):
    """A list of 1 to 500 animals to order for a user or a session.

    Of groups, everybody of the list is in the answer, in the order of their groups. Of animals,
    those of the inventory that are available and that the rules allow. What does not pass the
    filter is left out of the answer.
    """

    item_metadata_list: Annotated[
        list[ItemMetadata], Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_RESULTS})
    ]
    """The list."""


_REQUEST = msgspec.json.Decoder(RerankingRequest)


@OPERATIONS.add(
    "POST",
    "/v1/rerankings",
    RUNTIME | BROWSER,
    about=About.ANSWER,
    request=RerankingRequest,
    answer=RerankingResponse,
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
        *ADDRESS_PARAMETERS,
    ),
    answer_headers=RECOMMENDATION_ID,
    summary="In which order should this list be shown?",
)
async def post_rerankings(request: Request) -> Response:
    """Order the list; ties keep its order, and what nothing is known of comes last in it."""
    services: Services = request.app.state.services
    asked = await read_form(request, _REQUEST)
    if asked.user_id is None and asked.session_id is None:
        raise InvalidInput("userId is missing: send it, or a sessionId", field="userId")
    is_full = is_detailed(request)
    address = await prepare(request, asked, asked.repeats, detailed=is_full)
    now = services.now()
    if asked.of == "animals":
        whom = await individuals_for(request, address, Purpose.RANKING)
        make_animals = partial(_rerank_animals, services, whom, asked, now, is_full)
        found = await answer_in_lane(request, DATASET_GROUP, asked, make_animals)
        return animal_ranking_response(found, now, is_full=is_full, lists=bool(asked.include))
    check_of_groups(asked)
    by = await answering(request, address, Purpose.RANKING)
    make = partial(_rerank, services, by, asked, now, is_full)
    ranked = await answer_in_lane(request, by.dataset_group, asked, make)
    return ranking_response(ranked, now, is_full=is_full, lists=bool(asked.include))


def _rerank_animals(
    services: Services,
    individuals: Individuals,
    given: RerankingRequest,
    now: int,
    explain: bool,
) -> AnimalsFound:
    if given.metadata_columns:
        raise InvalidInput(
            "metadataColumns are for groups: leave them out", field="metadataColumns"
        )
    query = read_query(services, given, DATASET_GROUP, now, explain=explain)
    rerank = partial(individuals.rerank, _named(given.item_metadata_list))
    return find(services, individuals, query, given.include, rerank)


class RankedList(NamedTuple):
    """The answer of groups, the columns asked for of each, and what is included of animals."""

    answer: RankingAnswer
    metadata: list[Metadata]
    included: Included = NOTHING


def _rerank(
    services: Services, by: Answering, asked: RerankingRequest, now: int, explain: bool
) -> RankedList:
    query = read_query(services, asked, by.dataset_group, now, explain=explain)
    if asked.include:  # then the visitor's place counts, which may be stored
        query = services.individuals.with_profile(query)
    ids = _named(asked.item_metadata_list)
    known = _known(services, asked.item_metadata_list, ids, query.at)
    candidates = [
        _candidate(place, item_id, item, known, by.dataset_group)
        for place, (item_id, item) in enumerate(zip(ids, asked.item_metadata_list, strict=True))
    ]
    answer = by.runtime.rerank(query, candidates)
    groups = [group.item_id for group in answer.groups]
    metadata = read_metadata(services, by.dataset_group, groups, asked.metadata_columns, now)
    places = [(one.item_id,) for one in answer.items]
    included = read_included(services, services.individuals, asked.include, query, places)
    return RankedList(answer, metadata, included)


def _named(items: list[ItemMetadata]) -> list[str]:
    """The list's animals, as they are named."""
    ids = []
    for place, item in enumerate(items):
        try:
            ids.append(item.named())
        except InvalidInput as error:
            raise _at(place, error) from error
    return ids


def _at(place: int, error: InvalidInput) -> InvalidInput:
    """The error, with its place in the list."""
    return InvalidInput(error.message, field=f"itemMetadataList[{place}].{error.field}")


def _known(
    services: Services, items: list[ItemMetadata], ids: list[str], at: int
) -> dict[str, str]:
    """The groups of those whose attributes the caller left to the inventory."""
    left = [one for one, item in zip(ids, items, strict=True) if item.animal_metadata is None]
    return services.inventory.groups_of(left, at) if left else {}


def _candidate(
    place: int, item_id: str, item: ItemMetadata, known: Mapping[str, str], dataset_group: str
) -> Candidate:
    try:
        if item.animal_metadata is not None:
            return Candidate(item_id, item.animal_metadata.group().id)
        if item_id not in known and dataset_group != DATASET_GROUP:
            return Candidate(item_id, item_id)
        if item_id not in known:
            raise InvalidInput(
                f"animal {item_id} is not in the inventory: send its attributes too",
                field="animalMetadata",
            )
        return Candidate(item_id, known[item_id])
    except InvalidInput as error:
        raise _at(place, error) from error


def ranking_response(
    found: RankedList, now: int, *, is_full: bool, lists: bool = False
) -> Response:
    """The answer of groups; if it `lists` them or is full, with the animals."""
    answer = found.answer
    ranked = [
        RankedGroup(group.item_id, group.score, columns)
        for group, columns in zip(answer.groups, found.metadata, strict=True)
    ]
    ranking = [one.item_id for one in answer.items]
    animals = [
        RankedAnimal(
            id=one.item_id,
            item_id=group_id,
            score=one.score,
            animal=included_of(one.item_id, found.included),
            reasons=list(one.reasons) if is_full else UNSET,
        )
        for one, group_id in zip(answer.items, answer.group_ids, strict=True)
    ]
    return _respond(answer, ranked, ranking, animals if is_full or lists else UNSET, now, is_full)


def animal_ranking_response(
    found: AnimalsFound, now: int, *, is_full: bool, lists: bool = False
) -> Response:
    """The answer of animals; a group's score is that of its best animal, as a share of all."""
    answer = found.answer
    best: dict[str, float] = {}
    for place in answer.places:
        best.setdefault(place.group_id, place.score)
    total = sum(best.values())
    ranked = [RankedGroup(group_id, score / total) for group_id, score in best.items()]
    ranking = [place.animal_ids[0] for place in answer.places]
    animals = [_ranked(place, found.included, is_full) for place in answer.places]
    return _respond(answer, ranked, ranking, animals if is_full or lists else UNSET, now, is_full)


def _ranked(place: AnimalPlace, included: Included, is_full: bool) -> RankedAnimal:
    first, *others = place.animal_ids
    short = RankedAnimal(
        id=first, item_id=place.group_id, score=place.score, animal=included_of(first, included)
    )
    if not is_full:
        return short
    return replace(
        short,
        reasons=list(place.reasons),
        bonded_with=others,
        explored=place.explored,
        propensity=place.propensity,
        utility=place.utility,
        factors=factors_of(place),
    )


def _respond(
    answer: RankingAnswer | AnimalsAnswer,
    ranked: list[RankedGroup],
    ranking: list[str],
    animals: list[RankedAnimal] | UnsetType,
    now: int,
    is_full: bool,
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
    personalize = PersonalizeResponse(ResponseMetadata(request_id, headers), ranked, name)
    version = answer.solution_version if is_full else UNSET
    response = RerankingResponse(ranking, personalize, version, animals)
    return json_response(response, headers={RECOMMENDATION_HEADER: name})
