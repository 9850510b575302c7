"""POST /v1/rerankings: in which order should this list be shown?"""

from collections.abc import Mapping, Sequence
from email.utils import formatdate
from typing import Annotated
from uuid import uuid4

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.ids import parse_id
from pawsonalize.domain.times import SECOND
from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.engine.ingest.event_form import AnimalMetadata, Id
from pawsonalize.engine.resources.defaults import DATASET_GROUP
from pawsonalize.engine.serving.animals.ranking import AnimalPlace, AnimalsAnswer, Individuals
from pawsonalize.engine.serving.directory import Purpose
from pawsonalize.engine.serving.recommender import MAX_RESULTS, Candidate, RankingAnswer
from pawsonalize.http.addressing import (
    Answering,
    address_of,
    answering,
    individuals_for,
)
from pawsonalize.http.animal_answers import (
    RECOMMENDATION_HEADER,
    DetailedAnimal,
    detailed_animal,
    is_detailed,
)
from pawsonalize.http.callers import check_visitor
from pawsonalize.http.filters import (
    Metadata,
    read_metadata,
)
from pawsonalize.http.json import json_response, read_form
from pawsonalize.http.queries import QueryFields, check_context, check_of_groups, read_query
from pawsonalize.http.services import Services


class ItemMetadata(Form, frozen=True, rename="camel"):
    """One place of the list: an animal, by the caller's id, and its attributes.

    An animal of the inventory needs none. In another dataset group than the default
    one, any other id without them is an item of that group.
    """

    item_id: Id
    animal_metadata: AnimalMetadata | None = None


class RerankingRequest(QueryFields, frozen=True, rename="camel", kw_only=True):
    """A list of 1 to 500 animals to order for a user or a session.

    Of groups, everybody of the list is in the answer, in the order of their groups. Of animals,
    those of the inventory that are available and that the rules allow. What does not pass the
    filter, a name or an expression, is left out of the answer.
    """

    item_metadata_list: Annotated[
        list[ItemMetadata], Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_RESULTS})
    ]


_REQUEST = msgspec.json.Decoder(RerankingRequest)


async def post_rerankings(request: Request) -> Response:
    """Order the list; ties keep its order, and what nothing is known of comes last in it."""
    services: Services = request.app.state.services
    asked = await read_form(request, _REQUEST)
    if asked.user_id is None and asked.session_id is None:
        raise InvalidInput("userId is missing: send it, or a sessionId", field="userId")
    address = address_of(request, asked.dataset_group, asked.campaign)
    is_full = is_detailed(request)
    check_visitor(request, asked.user_id, detailed=is_full)
    now = services.now()
    if asked.of == "animals":
        whom = await individuals_for(request, address, Purpose.RANKING)
        await check_context(request, DATASET_GROUP, asked.context)
        found = await services.read(_rerank_animals, services, whom, asked, now, is_full)
        return animal_ranking_response(found, now, is_full=is_full)
    check_of_groups(asked)
    by = await answering(request, address, Purpose.RANKING)
    await check_context(request, by.dataset_group, asked.context)
    answer, columns = await services.read(_rerank, services, by, asked, now, is_full)
    return ranking_response(answer, columns, now, is_full=is_full)


def _rerank_animals(
    services: Services,
    individuals: Individuals,
    given: RerankingRequest,
    now: int,
    explain: bool,
) -> AnimalsAnswer:
    if given.metadata_columns:
        raise InvalidInput(
            "metadataColumns are for groups: leave them out", field="metadataColumns"
        )
    query = read_query(services, given, DATASET_GROUP, now, explain=explain)
    ids = [parse_id(item.item_id, "itemId") for item in given.item_metadata_list]
    return individuals.rerank(ids, individuals.with_profile(query))


def _rerank(
    services: Services, by: Answering, asked: RerankingRequest, now: int, explain: bool
) -> tuple[RankingAnswer, list[Metadata]]:
    """The answer, and the columns that were asked for of each of its groups."""
    query = read_query(services, asked, by.dataset_group, now, explain=explain)
    known = _known(services, asked.item_metadata_list, query.at)
    candidates = [
        _candidate(place, item, known, by.dataset_group)
        for place, item in enumerate(asked.item_metadata_list)
    ]
    answer = by.runtime.rerank(query, candidates)
    groups = [group.item_id for group in answer.groups]
    return answer, read_metadata(services, by.dataset_group, groups, asked.metadata_columns, now)


def _known(services: Services, items: list[ItemMetadata], at: int) -> dict[str, str]:
    """The groups of those whose attributes the caller left to the inventory."""
    ids = [parse_id(one.item_id, "itemId") for one in items if one.animal_metadata is None]
    return services.inventory.groups_of(ids, at) if ids else {}


def _candidate(
    place: int, item: ItemMetadata, known: Mapping[str, str], dataset_group: str
) -> Candidate:
    try:
        item_id = parse_id(item.item_id, "itemId")
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
        raise InvalidInput(
            error.message, field=f"itemMetadataList[{place}].{error.field}"
        ) from error


class RankedGroup(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An animal group and its share of the score of the list's groups; metadata, if asked for."""

    item_id: str
    score: float
    metadata: Metadata = {}


class ResponseMetadata(msgspec.Struct, frozen=True):
    """What boto3 puts beside every answer; the headers' names are in lower case."""

    request_id: str = msgspec.field(name="RequestId")
    http_headers: dict[str, str] = msgspec.field(name="HTTPHeaders")
    http_status_code: int = msgspec.field(name="HTTPStatusCode", default=200)
    retry_attempts: int = msgspec.field(name="RetryAttempts", default=0)


class PersonalizeResponse(msgspec.Struct, frozen=True, rename="camel"):
    """The answer as boto3 gives Amazon Personalize's: each group once, best first.

    The scores sum to 1.
    """

    response_metadata: ResponseMetadata = msgspec.field(name="ResponseMetadata")
    personalized_ranking: list[RankedGroup]
    recommendation_id: str


class RankedAnimal(msgspec.Struct, frozen=True, rename="camel"):
    """An animal as it was named, its group, and its share of the list's score."""

    id: str
    item_id: str
    score: float
    reasons: list[str]


class RerankingResponse(msgspec.Struct, frozen=True, rename="camel"):
    """The animals as they were named, best first, and the ranking of their groups."""

    ranking: list[str]
    personalize_response: PersonalizeResponse


class DetailedReranking(RerankingResponse, frozen=True, rename="camel"):
    """The answer with `?detail=full`: `animals` are those of `ranking`, in its order."""

    solution_version: str
    animals: list[RankedAnimal]


class DetailedAnimalReranking(RerankingResponse, frozen=True, rename="camel"):
    """The answer of animals with `?detail=full`: `animals` are those of `ranking`."""

    solution_version: str
    animals: list[DetailedAnimal]


RERANKING_BODIES = (RerankingResponse, DetailedReranking, DetailedAnimalReranking)


def ranking_response(
    answer: RankingAnswer, metadata: Sequence[Metadata], now: int, *, is_full: bool
) -> Response:
    """The answer of groups; `metadata` has the columns asked for of each group."""
    ranked = [
        RankedGroup(group.item_id, group.score, columns)
        for group, columns in zip(answer.groups, metadata, strict=True)
    ]
    ranking = [one.item_id for one in answer.items]
    personalize = _personalize(ranked, answer.recommendation_id, now)
    if not is_full:
        return _answer(RerankingResponse(ranking, personalize))
    animals = [
        RankedAnimal(one.item_id, group_id, one.score, list(one.reasons))
        for one, group_id in zip(answer.items, answer.group_ids, strict=True)
    ]
    return _answer(DetailedReranking(ranking, personalize, answer.solution_version, animals))


def animal_ranking_response(answer: AnimalsAnswer, now: int, *, is_full: bool) -> Response:
    """The answer of animals; a group's score is that of its best animal, as a share of all."""
    best: dict[str, float] = {}
    for place in answer.places:
        best.setdefault(place.group_id, place.score)
    total = sum(best.values())
    ranked = [RankedGroup(group_id, score / total) for group_id, score in best.items()]
    ranking = [_named(place) for place in answer.places]
    personalize = _personalize(ranked, answer.recommendation_id, now)
    if not is_full:
        return _answer(RerankingResponse(ranking, personalize))
    animals = [detailed_animal(place) for place in answer.places]
    return _answer(DetailedAnimalReranking(ranking, personalize, answer.solution_version, animals))


def _named(place: AnimalPlace) -> str:
    return place.animal_ids[0]


def _answer(response: RerankingResponse) -> Response:
    headers = {RECOMMENDATION_HEADER: response.personalize_response.recommendation_id}
    return json_response(response, headers=headers)


def _personalize(
    ranked: list[RankedGroup], recommendation_id: str, now: int
) -> PersonalizeResponse:
    request_id = str(uuid4())
    body = {"personalizedRanking": ranked, "recommendationId": recommendation_id}
    headers = {
        "date": formatdate(now / SECOND, usegmt=True),
        "content-type": "application/json",
        "content-length": str(len(msgspec.json.encode(body))),
        "connection": "keep-alive",
        "x-amzn-requestid": request_id,
    }
    return PersonalizeResponse(ResponseMetadata(request_id, headers), ranked, recommendation_id)
