"""POST /v1/recommendations: which animal groups for this visitor?"""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import InvalidInput, NotFound
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.engine.decoding import decode
from pawsonalize.engine.event_form import Id, Moment
from pawsonalize.engine.runtime import Answer
from pawsonalize.http.json import json_response, read_body
from pawsonalize.http.services import Services
from pawsonalize.http.told import PreferencesForm, RequestContext, read_told
from pawsonalize.http.visitor import read_at, read_visitor

RECOMMENDATION_HEADER = "X-Recommendation-Id"


class RecommendationRequest(msgspec.Struct, frozen=True, rename="camel"):
    """Who asks and for how much. Without a user or session: general recommendations."""

    user_id: Id | None = None
    session_id: Id | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 10
    filter: str | None = None
    at: Moment | None = None
    context: RequestContext | None = None
    preferences: PreferencesForm | None = None


class RecommendedGroup(msgspec.Struct, frozen=True):
    """An animal group by its id, `species-breed-size-age`."""

    id: str


class DetailedGroup(msgspec.Struct, frozen=True, rename="camel"):
    """An animal group with its share of the catalogue's score and its attributes.

    `explored` tells that its place went to exploration; `propensity` is the probability of the
    group at its place given those before it.
    """

    id: str
    score: float
    explored: bool
    propensity: float
    reasons: list[str]
    metadata: dict[str, str]


class DetailedRecommendations(msgspec.Struct, frozen=True, rename="camel"):
    """The answer with `?detail=full`."""

    recommendation_id: str
    solution_version: str
    recommendations: list[DetailedGroup]


_REQUEST = msgspec.json.Decoder(RecommendationRequest)


async def post_recommendations(request: Request) -> Response:
    """Recommend groups, best first; an acknowledged event is in the very next answer."""
    services: Services = request.app.state.services
    asked = decode(_REQUEST, await read_body(request, services.max_body_bytes))
    if asked.filter is not None:
        raise NotFound(f"there is no filter named {asked.filter}: leave it out", field="filter")
    detail = request.query_params.get("detail")
    if detail not in {None, "full"}:
        raise InvalidInput("detail must be full, or left out", field="detail")
    now = services.now()
    answer = await services.read(
        services.runtime.recommend,
        read_visitor(asked.user_id, asked.session_id),
        asked.limit,
        read_at(asked.at, now),
        now,
        told=read_told(asked.context, asked.preferences),
        explain=detail == "full",
    )
    headers = {RECOMMENDATION_HEADER: answer.recommendation_id}
    if detail is None:
        return json_response(
            [RecommendedGroup(item.item_id) for item in answer.items], headers=headers
        )
    return json_response(_detailed(answer), headers=headers)


def _detailed(answer: Answer) -> DetailedRecommendations:
    groups = [
        DetailedGroup(
            item.item_id,
            item.score,
            item.explored,
            item.propensity,
            list(item.reasons),
            _metadata(item.item_id),
        )
        for item in answer.items
    ]
    return DetailedRecommendations(answer.recommendation_id, answer.solution_version, groups)


def _metadata(item_id: str) -> dict[str, str]:
    group = AnimalGroup.parse(item_id)
    if group is None:
        return {}
    return {
        "animal_species_id": group.species,
        "animal_primary_breed_id": group.breed,
        "animal_size_id": group.size,
        "animal_age_id": group.age,
    }
