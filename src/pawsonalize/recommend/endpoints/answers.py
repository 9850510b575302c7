"""The answers of recommendations and re-rankings, each of one form whatever was asked for."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pawsonalize.core.http.errors import EntryWarning
from pawsonalize.core.http.operation import RequestParameter

Metadata = dict[str, str | float | None]
Includable = Literal["animal"]
Include = Annotated[
    list[Includable],
    Meta(
        description="`animal` adds to each animal of the answer what a page shows of it: name,"
        " photo, address, breed, age, distance."
    ),
]


class IncludedAnimal(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Facts of an animal that a page shows, in words; unknown ones are left out.

    The ids of species, breed, size and age make up the `itemId` beside it.
    """

    name: str = ""
    """Its name."""
    photo: str = ""
    """The address of its first photo."""
    url: str = ""
    """The address of its own page."""
    species: str = ""
    """Such as `dog`."""
    breed: str = ""
    """Such as `Saint Bernard`."""
    size: str = ""
    """`small`, `medium`, `large` or `extra large`."""
    age: str = ""
    """`baby`, `young`, `adult` or `senior`."""
    sex: str = ""
    """`female` or `male`."""
    colours: list[str] = []
    """The colours of its coat."""
    shelter: str = ""
    """Its shelter."""
    waiting_days: int | UnsetType = UNSET
    """Whole days since it became available last."""
    first_listed_at: str = ""
    """When it first came in, if it left and came back since."""
    fee: float | UnsetType = UNSET
    """Cost of an adoption, in the site's currency."""
    distance_km: float | UnsetType = UNSET
    """Kilometres from the visitor, if it is known where both are."""
    bonded_names: list[str] = []
    """The names of the animals that go with it."""


Included = Mapping[str, IncludedAnimal]
"""Animals by id."""
NOTHING: Included = MappingProxyType({})


RECOMMENDATION_HEADER = "X-Recommendation-Id"
RECOMMENDATION_ID = {RECOMMENDATION_HEADER: "The answer's id: send it with the events it led to."}
ASK_HEADER = "Pawsonalize-Ask"
ASK = {ASK_HEADER: "Of animals: `true` if a board is worth its place on this page."}
DETAILED = (
    "With `?detail=full` the answer is that of the same path with `/detailed` at its end: scores,"
    " propensities and reasons."
)
DETAILED_PATH = "/detailed"
HIDDEN_DETAIL = RequestParameter("detail", "`full`: the detailed answer.", is_documented=False)


class Recommendation(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """A recommended animal group, or an animal if the request is of animals."""

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
    """A recommendation, with its reasons."""

    id: str
    """The id of the group, `species-breed-size-age`, or of the animal."""
    score: float
    """Of a group: its share of the catalogue's score. Of an animal: how well it fits, 0 to 1."""
    explored: bool
    """Its place went to exploration."""
    propensity: float
    """The probability of it at its place, given those before it."""
    reasons: list[str]
    """Reasons for it, in words to show."""
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
    each factor times its weight, the `relevance` to a search and the `quiz` last."""
    animal: IncludedAnimal | UnsetType = UNSET
    """Of an animal, if it is included: what a page shows of it."""
    recommendation_id: str | UnsetType = UNSET
    """On a page that is repeated: the place's own answer, if that is not the first."""
    promotion_name: str | UnsetType | None = UNSET
    """Of a group: its place went to this promotion."""
    metadata: Metadata | UnsetType = UNSET
    """Of a group: its attributes, and the columns that were asked for."""


class DetailedRecommendations(msgspec.Struct, frozen=True, rename="camel"):
    """Recommendations, with the answer's id and the model that gave it."""

    recommendation_id: str
    """The answer's id: send it with the events it led to."""
    solution_version: str
    """The model; `untrained` before the first training."""
    recommendations: list[DetailedRecommendation]
    """Best first, except for places that were explored or promoted."""
    ask: bool | UnsetType = UNSET
    """Of animals: true if a board is worth its place on this page, as `POST /v1/boards` gives."""


class RankedGroup(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An animal group of the list."""

    item_id: str
    """The group."""
    score: float
    """Its share of the score of the list's groups."""
    metadata: Metadata = {}
    """The columns that were asked for."""


class ResponseMetadata(msgspec.Struct, frozen=True):
    """Metadata that boto3 adds to every answer; the headers' names are in lower case."""

    request_id: str = msgspec.field(name="RequestId")
    http_headers: dict[str, str] = msgspec.field(name="HTTPHeaders")
    http_status_code: int = msgspec.field(name="HTTPStatusCode", default=200)
    retry_attempts: int = msgspec.field(name="RetryAttempts", default=0)


class PersonalizeResponse(msgspec.Struct, frozen=True, rename="camel"):
    """The answer as boto3 gives Amazon Personalize's: each group once, best first.

    The scores sum to 1.
    """

    response_metadata: ResponseMetadata = msgspec.field(name="ResponseMetadata")
    """Metadata as boto3 has it."""
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
    """Facts for a page, if it is included and in the inventory."""
    reasons: list[str] | UnsetType = UNSET
    """Reasons for its place, in words to show."""
    bonded_with: list[str] | UnsetType = UNSET
    """The ids of the animals that go with it."""
    explored: bool | UnsetType = UNSET
    """False: a ranking explores nothing."""
    propensity: float | UnsetType = UNSET
    """1: a ranking explores nothing."""
    utility: float | UnsetType = UNSET
    """The sum of its factors."""
    factors: dict[str, float] | UnsetType = UNSET
    """Parts that add up to `utility`, in this order, as in a detailed recommendation."""


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
    warnings: list[EntryWarning] | UnsetType = UNSET
    """If there are any: ids of attributes in the list without a meaning; at most 20."""
