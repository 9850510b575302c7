"""The answers of recommendations and re-rankings, each of one form whatever was asked for."""

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.http.filters import Metadata
from pawsonalize.http.included import IncludedAnimal

RECOMMENDATION_HEADER = "X-Recommendation-Id"
RECOMMENDATION_ID = {
    RECOMMENDATION_HEADER: "The answer's id: send it with the events it led to.",
}


class Recommendation(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """What is recommended: an animal group, or an animal if the request is of animals.

    `id` is the group's, `species-breed-size-age`, or the animal's. Of an animal, `itemId` is its
    group, `score` how well it fits, from 0 to 1, and `bondedWith` are the animals that go with it;
    `animal` is there if it is included. Of a group, `promotionName` tells that its place went to
    that promotion, and `metadata` has the columns that were asked for.
    """

    id: str
    item_id: str | None = None
    score: float | None = None
    bonded_with: list[str] = []
    animal: IncludedAnimal | None = None
    promotion_name: str | None = None
    metadata: Metadata = {}


class DetailedRecommendation(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What is recommended, and why it stands there.

    The `score` of a group is its share of the catalogue's score, and its `metadata` are its
    attributes and the columns that were asked for. `explored` tells that its place went to
    exploration; `propensity` is the probability of it at its place given those before it.

    Of an animal, `factors` add up to `utility` in their order: what everybody makes of such animals
    (`appeal`) and of this very one (`animal_effect`), how much the group is liked by its events
    (`group`), what this visitor makes of pages (`visitor`), less for what was `seen` already; and
    each factor times its weight.
    """

    id: str
    score: float
    explored: bool
    propensity: float
    reasons: list[str]
    item_id: str | UnsetType = UNSET
    bonded_with: list[str] | UnsetType = UNSET
    utility: float | UnsetType = UNSET
    factors: dict[str, float] | UnsetType = UNSET
    animal: IncludedAnimal | UnsetType = UNSET
    promotion_name: str | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET


class DetailedRecommendations(msgspec.Struct, frozen=True, rename="camel"):
    """What is recommended, with the answer's id and the model that gave it."""

    recommendation_id: str
    solution_version: str
    recommendations: list[DetailedRecommendation]


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


class RankedAnimal(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """An animal as it was named, its group, and its share of the list's score.

    `animal` is there if it is included. `reasons` and the fields after them come with
    `?detail=full`; those after `reasons` are of animals of the inventory, and mean what they do in
    a detailed recommendation.
    """

    id: str
    item_id: str
    score: float
    animal: IncludedAnimal | UnsetType = UNSET
    reasons: list[str] | UnsetType = UNSET
    bonded_with: list[str] | UnsetType = UNSET
    explored: bool | UnsetType = UNSET
    propensity: float | UnsetType = UNSET
    utility: float | UnsetType = UNSET
    factors: dict[str, float] | UnsetType = UNSET


class RerankingResponse(msgspec.Struct, frozen=True, rename="camel"):
    """The animals as they were named, best first, and the ranking of their groups.

    `animals` are those of `ranking`, in its order; they come with `include` and with
    `?detail=full`, and `solutionVersion` with the latter.
    """

    ranking: list[str]
    personalize_response: PersonalizeResponse
    solution_version: str | UnsetType = UNSET
    animals: list[RankedAnimal] | UnsetType = UNSET


def is_detailed(request: Request) -> bool:
    """Whether `?detail=full` is asked for."""
    detail = request.query_params.get("detail")
    if detail not in {None, "full"}:
        raise InvalidInput("detail must be full, or left out", field="detail")
    return detail == "full"
