"""POST /v1/rerankings: in which order should this list be shown?"""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.ids import parse_id
from pawsonalize.engine.decoding import decode
from pawsonalize.engine.event_form import AnimalMetadata, Id, Moment
from pawsonalize.engine.runtime import MAX_RESULTS, Answer, Candidate
from pawsonalize.http.filtering import (
    FilterValues,
    Metadata,
    MetadataColumns,
    read_filter,
    read_metadata,
)
from pawsonalize.http.json import json_response, read_body
from pawsonalize.http.recommendations import RECOMMENDATION_HEADER
from pawsonalize.http.services import Services
from pawsonalize.http.visitor import read_at, read_visitor


class ItemMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """One place of the list: an animal, by the caller's id, and its attributes."""

    item_id: Id
    animal_metadata: AnimalMetadata


class RerankingRequest(msgspec.Struct, frozen=True, rename="camel"):
    """A list of 1 to 500 animals to order for a user or a session.

    What does not pass the filter, a name or an expression, is left out of the answer.
    """

    item_metadata_list: Annotated[
        list[ItemMetadata], Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_RESULTS})
    ]
    user_id: Id | None = None
    session_id: Id | None = None
    filter: str | None = None
    filter_values: FilterValues = {}
    metadata_columns: MetadataColumns = {}
    at: Moment | None = None


class RankedItem(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An animal and its share of the list's score; its group's metadata, if asked for."""

    item_id: str
    score: float
    metadata: Metadata = {}


class PersonalizeResponse(msgspec.Struct, frozen=True, rename="camel"):
    """The ranking with scores, which sum to 1, in Amazon Personalize's words."""

    personalized_ranking: list[RankedItem]
    recommendation_id: str


class RerankingResponse(msgspec.Struct, frozen=True, rename="camel"):
    """The ids, best first, and the same with scores."""

    ranking: list[str]
    personalize_response: PersonalizeResponse


_REQUEST = msgspec.json.Decoder(RerankingRequest)


async def post_rerankings(request: Request) -> Response:
    """Order the list; ties keep its order, and what nothing is known of comes last in it."""
    services: Services = request.app.state.services
    asked = decode(_REQUEST, await read_body(request, services.max_body_bytes))
    if asked.user_id is None and asked.session_id is None:
        raise InvalidInput("userId is missing: send it, or a sessionId", field="userId")
    answer, columns = await services.read(_rerank, services, asked, services.now())
    ranked = [
        RankedItem(item.item_id, item.score, metadata)
        for item, metadata in zip(answer.items, columns, strict=True)
    ]
    response = RerankingResponse(
        [item.item_id for item in ranked], PersonalizeResponse(ranked, answer.recommendation_id)
    )
    return json_response(response, headers={RECOMMENDATION_HEADER: answer.recommendation_id})


def _rerank(services: Services, asked: RerankingRequest, now: int) -> tuple[Answer, list[Metadata]]:
    """The answer, and the columns that were asked for of each of its animals' groups."""
    candidates = [_candidate(place, item) for place, item in enumerate(asked.item_metadata_list)]
    answer = services.runtime.rerank(
        read_visitor(asked.user_id, asked.session_id),
        candidates,
        read_at(asked.at, now),
        now,
        filtered_by=read_filter(services, asked.filter, asked.filter_values),
    )
    group_of = {candidate.item_id: candidate.group_id for candidate in candidates}
    groups = [group_of[item.item_id] for item in answer.items]
    return answer, read_metadata(services, groups, asked.metadata_columns, now)


def _candidate(place: int, item: ItemMetadata) -> Candidate:
    try:
        return Candidate(parse_id(item.item_id, "itemId"), item.animal_metadata.group().id)
    except InvalidInput as error:
        raise InvalidInput(
            error.message, field=f"itemMetadataList[{place}].{error.field}"
        ) from error
