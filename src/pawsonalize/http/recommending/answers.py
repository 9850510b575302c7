"""The answers of recommendations and re-rankings, each of one form whatever was asked for."""

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.http.operation import RequestParameter
from pawsonalize.http.recommending.filters import Metadata
from pawsonalize.http.recommending.included import IncludedAnimal

RECOMMENDATION_HEADER = "X-Recommendation-Id"
RECOMMENDATION_ID = {
    RECOMMENDATION_HEADER: "The answer's id: send it with the events it led to.",
}
DETAILED = (
    "With `?detail=full` the answer is that of the same path with `/detailed` at its end: scores,"
    " propensities and reasons."
)
HIDDEN_DETAIL = RequestParameter("detail", "`full`: the detailed answer.", is_documented=False)


class Recommendation(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """What is recommended: an animal group, or an animal if the request is of animals."""

    id: str
    """The id of the group, `species-breed-size-age`, or of the animal."""
    item_id: str | UnsetType = UNSET
    """Of an animal: its group."""
    score: float | UnsetType = UNSET
    """Of an animal: how well it fits, from 0 to 1."""
    bonded_with: list[str] = []
    """Of an animal: the ids of the animals that go with it."""
    animal: IncludedAnimal | UnsetType = UNSET
    """Of an animal, if it is included: what a page shows of it."""
    recommendation_id: str | UnsetType = UNSET
    """On a page that is repeated: the place's own answer, if that is not the first."""
    promotion_name: str | UnsetType = UNSET
    """Of a group: its place went to this promotion."""
    metadata: Metadata = {}
    """Of a group: the columns that were asked for."""


class DetailedRecommendation(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What is recommended, and why it stands there."""

    id: str
    """The id of the group, `species-breed-size-age`, or of the animal."""
    score: float
    """Of a group: its share of the catalogue's score. Of an animal: how well it fits, 0 to 1."""
    explored: bool
    """Its place went to exploration."""
    propensity: float
    """The probability of it at its place, given those before it."""
    reasons: list[str]
    """Why it is here, in words to show."""
    item_id: str | UnsetType = UNSET
    """Of an animal: its group."""
    bonded_with: list[str] | UnsetType = UNSET
    """Of an animal: the ids of the animals that go with it."""
    utility: float | UnsetType = UNSET
    """Of an animal: the sum of its factors."""
    factors: dict[str, float] | UnsetType = UNSET
    """Of an animal: what adds up to `utility`, in this order. What everybody makes of such animals
    (`appeal`) and of this very one (`animal_effect`), how much the group is liked by its events
    (`group`), what this visitor makes of pages (`visitor`), less for what was `seen` already; and
    each factor times its weight."""
    animal: IncludedAnimal | UnsetType = UNSET
    """Of an animal, if it is included: what a page shows of it."""
    recommendation_id: str | UnsetType = UNSET
    """On a page that is repeated: the place's own answer, if that is not the first."""
    promotion_name: str | UnsetType | None = UNSET
    """Of a group: its place went to this promotion."""
    metadata: Metadata | UnsetType = UNSET
    """Of a group: its attributes, and the columns that were asked for."""


class DetailedRecommendations(msgspec.Struct, frozen=True, rename="camel"):
    """What is recommended, with the answer's id and the model that gave it."""

    recommendation_id: str
    """The answer's id: send it with the events it led to."""
    solution_version: str
    """The model; `untrained` before the first training."""
    recommendations: list[DetailedRecommendation]
    """Best first, except for places that were explored or promoted."""


class RankedGroup(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An animal group of the list."""

    item_id: str
    """The group."""
    score: float
    """Its share of the score of the list's groups."""
    metadata: Metadata = {}
    """The columns that were asked for."""


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
    """What boto3 tells of the answer."""
    personalized_ranking: list[RankedGroup]
    """Each group of the list once, best first."""
    recommendation_id: str
    """The answer's id: send it with the events it led to."""


class RankedAnimal(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """An animal of the list. `reasons` come with `?detail=full`.

    The fields after them come with it too if the request is of animals.
    """

    id: str
    """The animal as it was named."""
    item_id: str
    """Its group."""
    score: float
    """Its share of the list's score."""
    animal: IncludedAnimal | UnsetType = UNSET
    """What a page shows of it, if it is included and in the inventory."""
    reasons: list[str] | UnsetType = UNSET
    """Why it stands there, in words to show."""
    bonded_with: list[str] | UnsetType = UNSET
    """The ids of the animals that go with it."""
    explored: bool | UnsetType = UNSET
    """False: a ranking explores nothing."""
    propensity: float | UnsetType = UNSET
    """1: a ranking explores nothing."""
    utility: float | UnsetType = UNSET
    """The sum of its factors."""
    factors: dict[str, float] | UnsetType = UNSET
    """What adds up to `utility`, in this order, as in a detailed recommendation."""


class RerankingResponse(msgspec.Struct, frozen=True, rename="camel"):
    """The animals as they were named, best first, and the ranking of their groups."""

    ranking: list[str]
    """The animals as they were named, best first."""
    personalize_response: PersonalizeResponse
    """Their groups, as Amazon Personalize would answer."""
    solution_version: str | UnsetType = UNSET
    """With `?detail=full`: the model."""
    animals: list[RankedAnimal] | UnsetType = UNSET
    """With `include` or `?detail=full`: the animals of `ranking`, in its order."""


def is_detailed(request: Request) -> bool:
    """Whether `?detail=full` is asked for."""
    detail = request.query_params.get("detail")
    if detail not in {None, "full"}:
        raise InvalidInput("detail must be full, or left out", field="detail")
    return detail == "full"
