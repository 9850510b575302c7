"""POST /v1/searches."""

from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import Visitor
from pawsonalize.core.http.json import read_form
from pawsonalize.core.http.operation import About, Endpoint, Operations
from pawsonalize.core.limits import parse_id
from pawsonalize.core.scopes import BROWSER, RUNTIME
from pawsonalize.operations.addressing import ADDRESS_PARAMETERS, recommender_for
from pawsonalize.operations.services import Services, services_of
from pawsonalize.recommend.animals.recommender import AnimalPlace, AnimalRecommender, AnimalsAnswer
from pawsonalize.recommend.campaigns import Purpose
from pawsonalize.recommend.endpoints import answers
from pawsonalize.recommend.endpoints.queries import (
    QueryFields,
    answer_in_lane,
    is_detailed,
    prepare,
    read_included,
    read_query,
    refuse_of_animals,
)
from pawsonalize.recommend.endpoints.recommendations import explained, shown
from pawsonalize.recommend.query import AnimalSearches, Query, Reading, SearchedAnimals
from pawsonalize.resources.defaults import DATASET_GROUP

OPERATIONS = Operations(about=About.ANSWER)
_BETWEEN = "."  # ids in a cursor
_EXAMPLES = {
    "of a page": {
        "query": "calm dog for kids, not too big",
        "sessionId": "s-1",
        "include": ["animal"],
    },
    "without a rule": {"query": "small beagle", "without": ["size:small"]},
}


class SearchRequest(QueryFields, frozen=True, rename="camel", kw_only=True):
    """A visitor's words, who wrote them, and rules beside."""

    query: Annotated[str, Meta(max_length=500)]
    """The wish in any words: "calm dog for kids, not too big"."""
    without: Annotated[list[str], Meta(max_length=50)] = msgspec.field(default_factory=list)
    """Ids of rules that the answer of before named, and that are switched off."""
    as_written: bool = False
    """Do not mend typing errors."""
    limit: Annotated[int, Meta(ge=1, le=500)] = 10
    """Number of places, 1 to 500."""
    cursor: str | None = None
    """The `cursor` of the answer before: goes on with animals that no answer before had."""


class ReadingAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """One thing that was understood."""

    id: str
    """Its id: name it in `without` to switch it off."""
    label: str
    """Its meaning, as a chip shows it."""
    words: str
    """The visitor's words."""


def _readings(readings: Sequence[Reading]) -> list[ReadingAnswer]:
    return [ReadingAnswer(one.id, one.label, one.words) for one in readings]


class NearestAnimal(answers.Recommendation, frozen=True, rename="camel", kw_only=True):
    """An animal that nearly fits."""

    given_up: list[ReadingAnswer]
    """Rules that it contradicts, or words that no animal has."""


class DetailedNearestAnimal(
    answers.DetailedRecommendation, frozen=True, rename="camel", kw_only=True
):
    """The same with scores and reasons."""

    given_up: list[ReadingAnswer]
    """Rules that it contradicts, or words that no animal has."""


class Nearest(msgspec.Struct, frozen=True, rename="camel"):
    """Animals that nearly fit, where those that fit leave places.

    No rule of a household, of a species or of allergies is given up, nor is one for first owners.
    """

    given_up: list[ReadingAnswer]
    """All that these animals give up."""
    animals: list[NearestAnimal]


class DetailedNearest(msgspec.Struct, frozen=True, rename="camel"):
    """The same with scores and reasons."""

    given_up: list[ReadingAnswer]
    """All that these animals give up."""
    animals: list[DetailedNearestAnimal]


class Searched(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """The reading of a search, before the animals."""

    recommendation_id: str
    """The answer's id: send it with the events it led to."""
    rules: list[ReadingAnswer]
    """Conditions: an animal of which a record says no is not shown."""
    understood: list[ReadingAnswer]
    """Evidence: whoever has it comes first; of whom the opposite is written nearly fits."""
    rest: str = ""
    """The words that were compared with names, breeds and descriptions."""
    total: int
    """The number of animals that were found, without the nearest."""
    did_you_mean: str | UnsetType = UNSET
    """The words without typing errors, which were searched for; see `asWritten`."""
    cursor: str | UnsetType = UNSET
    """Send it with the same words for the next animals; left out at the end."""


class SearchAnswer(Searched, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """The animals that were found, in the order of this visitor."""

    animals: list[answers.Recommendation]
    """Animals that contradict nothing that was understood."""
    nearest: Nearest | UnsetType = UNSET
    """The animals after these, which nearly fit."""


class DetailedSearchAnswer(Searched, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """The same with scores and reasons."""

    animals: list[answers.DetailedRecommendation]
    """Animals that contradict nothing that was understood."""
    nearest: DetailedNearest | UnsetType = UNSET
    """The animals after these, which nearly fit."""


class Answered(NamedTuple):
    """Animals that fit, those that nearly fit, what is included of both, and what was found."""

    answer: AnimalsAnswer
    nearest: AnimalsAnswer | None
    found: SearchedAnimals
    included: answers.Included = answers.NOTHING
    goes_on: bool = True
    """False of nobody: no later answer knows what they have seen."""

    @property
    def animals(self) -> list[tuple[str, ...]]:
        """The animals of each place."""
        both = filter(None, (self.answer, self.nearest))
        return [place.animal_ids for one in both for place in one.places]


def _with_details(endpoint: Endpoint) -> Endpoint:
    """Declare the operation, and below `…/detailed` the same with scores and reasons."""
    for name, end, why, answer, hidden in (
        ("post_searches", "", "", SearchAnswer, (answers.HIDDEN_DETAIL,)),
        ("post_detailed_searches", answers.DETAILED_PATH, ", and why", DetailedSearchAnswer, ()),
    ):
        OPERATIONS.add(
            "POST",
            f"/v1/searches{end}",
            RUNTIME | BROWSER,
            name=name,
            answer=answer,
            request=SearchRequest,
            examples=_EXAMPLES,
            parameters=(*ADDRESS_PARAMETERS, *hidden),
            notes="" if end else answers.DETAILED,
            summary=f"Which animals fit these words, for this visitor{why}?",
        )(endpoint)
    return endpoint


@_with_details
async def post_searches(request: Request) -> Any:
    """Find animals by words: rules are obeyed, the rest is compared, the order is the visitor's."""
    is_full = is_detailed(request)
    services = services_of(request)
    given = await read_form(request, SearchRequest)
    if not given.query.strip():
        raise InvalidInput("query is empty: send what is looked for, in words", field="query")
    continues = _read_cursor(given.cursor)
    address = await prepare(request, given, continues, detailed=is_full)
    animal_recommender = await recommender_for(request, address, Purpose.RECOMMENDING)
    search = partial(_search, services, animal_recommender, given, continues, is_full)
    found = await answer_in_lane(request, DATASET_GROUP, given, search)
    return search_answer(found, continues, is_full=is_full)


def _read_cursor(cursor: str | None) -> tuple[str, ...]:
    if cursor is None:
        return ()
    return tuple(parse_id(one, "cursor") for one in cursor.split(_BETWEEN))


def _search(
    services: Services,
    animal_recommender: AnimalRecommender,
    given: SearchRequest,
    continues: tuple[str, ...],
    explain: bool,
) -> Answered:
    refuse_of_animals(given, "metadata_columns")
    query = read_query(
        services, given, DATASET_GROUP, explain=explain, limit=given.limit, continues=continues
    )
    searching: AnimalSearches | None = animal_recommender.searches
    assert searching is not None, "this plugin is here"
    query = animal_recommender.with_profile(query)
    text, without = given.query, given.without
    found = searching.find(
        animal_recommender.available, query, text, without, as_written=given.as_written
    )
    try:
        made = answer_search(animal_recommender, found, query)
    except InvalidInput as wrong:
        if wrong.field != "continues":
            raise
        message = str(wrong).replace("leave continues out", "leave the cursor out")
        raise InvalidInput(message, field="cursor") from wrong
    included = read_included(services, animal_recommender, given.include, query, made.animals)
    return made._replace(included=included, goes_on=query.visitor != Visitor())


def answer_search(
    animal_recommender: AnimalRecommender, found: SearchedAnimals, query: Query
) -> Answered:
    """Answer with the animals that were found; where they end, with those that nearly fit."""
    query = found.apply(query)
    answer = animal_recommender.recommend(query)
    return Answered(answer, animal_recommender.recommend_nearest(query, len(answer.places)), found)


def search_answer(made: Answered, continues: tuple[str, ...], *, is_full: bool) -> Searched:
    """Return the body of the answer; `continues` are the answers before."""
    answer, nearest, what, *_ = made
    kinds: tuple[Any, ...] = (answers.Recommendation, NearestAnimal, Nearest, SearchAnswer)
    if is_full:
        kinds = (
            answers.DetailedRecommendation,
            DetailedNearestAnimal,
            DetailedNearest,
            DetailedSearchAnswer,
        )
    kind, kind_nearest, kind_of_nearest, kind_of_answer = kinds

    def fields(place: AnimalPlace, own: str | UnsetType = UNSET) -> dict[str, object]:
        more = explained(place) if is_full else {"bonded_with": list(place.animal_ids[1:])}
        own = place.recommendation_id or own
        return {**shown(place, made.included), **more, "recommendation_id": own}

    near = [
        kind_nearest(
            **fields(place, nearest.recommendation_id),
            given_up=_readings(what.given_up(place.animal_ids)),
        )
        for place in (nearest.places if nearest else ())
        if nearest
    ]
    given_up = list(dict.fromkeys(chain.from_iterable(one.given_up for one in near)))
    ids = (*continues, answer.recommendation_id, *([nearest.recommendation_id] if nearest else ()))
    searched: Searched = kind_of_answer(
        recommendation_id=answer.recommendation_id,
        rules=_readings(what.rules),
        understood=_readings(what.understood),
        rest=what.rest,
        total=what.total,
        did_you_mean=what.suggestion or UNSET,
        cursor=_BETWEEN.join(dict.fromkeys(ids))
        if made.goes_on and (answer.places or near)
        else UNSET,
        animals=[kind(**fields(place)) for place in answer.places],
        nearest=kind_of_nearest(given_up, near) if near else UNSET,
    )
    return searched
