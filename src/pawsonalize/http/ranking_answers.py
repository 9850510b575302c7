"""Answers of re-rankings: the animals as they were named, and Amazon Personalize's own answer."""

from collections.abc import Sequence
from email.utils import formatdate
from uuid import uuid4

import msgspec
from starlette.responses import Response

from pawsonalize.domain.times import SECOND
from pawsonalize.engine.serving.animals.ranking import AnimalAnswer, Place
from pawsonalize.engine.serving.recommender import RankingAnswer
from pawsonalize.http.animal_answers import RECOMMENDATION_HEADER, DetailedAnimal, detailed_animal
from pawsonalize.http.filtering import Metadata
from pawsonalize.http.json import json_response


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


def animal_ranking_response(answer: AnimalAnswer, now: int, *, is_full: bool) -> Response:
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


def _named(place: Place) -> str:
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
