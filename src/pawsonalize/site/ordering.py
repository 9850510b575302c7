"""Order of the animals on a page, with reasons, as the service answers it."""

from collections import defaultdict
from collections.abc import Sequence
from math import isfinite

import msgspec
import numpy as np
from msgspec.structs import replace

from pawsonalize.animals.animal import Animal
from pawsonalize.core.errors import NotReady
from pawsonalize.recommend.animals.pages import EXPLORED
from pawsonalize.recommend.animals.recommender import AnimalPlace, AnimalsAnswer
from pawsonalize.recommend.animals.settings import PARTS
from pawsonalize.recommend.query import Query
from pawsonalize.recommend.reasons import Reason
from pawsonalize.recommend.tables import RECOMMENDATION
from pawsonalize.site.storefront import Storefront

MAX_PICKS = 6
# Most groups of a catalogue have nobody waiting, so more are asked for than are shown.
_MOST_RANKED = 200
_WORTH_SAYING = 0.05  # log-odds between the animals of a page


class Shown(msgspec.Struct, frozen=True):
    """An animal on a page, those that go with it, reasons, distance, and its answer."""

    animal: Animal
    together: tuple[Animal, ...] = ()
    reasons: tuple[Reason, ...] = ()
    kilometres: float | None = None
    recommendation_id: str | None = None


class Ordered(msgspec.Struct, frozen=True):
    """The first animals, best first, out of `total`; without a live model, by the longest wait.

    `decided` are the parts of the utility in which these animals differ, the weightiest first.
    """

    shown: tuple[Shown, ...]
    total: int
    recommendation_id: str | None
    decided: tuple[str, ...] = ()
    asks: bool = False
    """True if a board is worth its place on this page."""


class Pick(msgspec.Struct, frozen=True):
    """A recommended group: its animal that waits longest, the number that wait, and the reason."""

    animal: Animal
    waiting: int
    reason: Reason | None
    recommendation_id: str


def order(storefront: Storefront, query: Query) -> Ordered:
    """Return the first animals that the rules allow, of those that the query's search finds."""
    animal_recommender = storefront.animal_recommender
    try:
        answer = animal_recommender.recommend(query)
        return _ordered(storefront, query, answer, len(animal_recommender.fitting(query)))
    except NotReady:
        fitting = animal_recommender.fitting(query)  # the longest wait first
        if query.search is not None:
            there = frozenset(fitting)
            fitting = [one for one in query.search.ids() if one in there]
        known = storefront.animals.get_many(fitting[: query.limit])
        longest = [known[one] for one in fitting[: query.limit] if one in known]
        return Ordered(_shown(storefront, query, longest), len(fitting), None)


def order_nearest(storefront: Storefront, query: Query, shown: int) -> Ordered:
    """The animals that nearly fit the query's search, for the places that `shown` ones leave."""
    nearest = query.search and query.search.nearest
    if nearest is None or shown >= query.limit:
        return Ordered((), 0, None)
    return order(storefront, replace(query, search=nearest, limit=query.limit - shown))


def _ordered(storefront: Storefront, query: Query, answer: AnimalsAnswer, total: int) -> Ordered:
    places = answer.places[: query.limit]
    known = storefront.animals.get_many([one for each in places for one in each.animal_ids])
    firsts = [known[place.animal_ids[0]] for place in places]
    shown = [
        replace(
            plain,
            together=tuple(known[one] for one in place.animal_ids[1:]),
            reasons=place.reasons,
            recommendation_id=place.recommendation_id or answer.recommendation_id,
        )
        for plain, place in zip(_shown(storefront, query, firsts), places, strict=True)
    ]
    ranked = [place for place in places if place.propensity >= EXPLORED]
    name, decided = answer.recommendation_id, _decided(ranked)
    return Ordered(tuple(shown), total, name, decided, answer.asks)


def _shown(storefront: Storefront, query: Query, animals: Sequence[Animal]) -> tuple[Shown, ...]:
    far = storefront.animal_recommender.distances(query, animals)
    return tuple(
        Shown(animal, kilometres=km if isfinite(km) else None)
        for animal, km in zip(animals, far, strict=True)
    )


def _decided(places: Sequence[AnimalPlace]) -> tuple[str, ...]:
    rows = [place.parts for place in places]
    if len(rows) < 2:
        return ()
    spread = np.std(np.array(rows), axis=0)
    weightiest = np.argsort(-spread, kind="stable").tolist()
    return tuple(PARTS[part] for part in weightiest if spread[part] > _WORTH_SAYING)


def like(storefront: Storefront, query: Query, animal_id: str) -> Ordered:
    """Return others that those like who like this animal; none without a live model."""
    try:
        answer = storefront.animal_recommender.similar(animal_id, query)
    except NotReady:
        return Ordered((), 0, None)
    return _ordered(storefront, query, answer, len(answer.places))


def pick(
    storefront: Storefront, query: Query, animals: Sequence[Animal], ordered: Ordered
) -> tuple[Pick, ...]:
    """Return the best groups of which somebody waits; of a repeated page, those of before."""
    members = defaultdict(list)
    for animal in animals:  # which come longest wait first
        members[animal.group_at(query.now).id].append(animal)
    group_recommender, pages = (
        storefront.group_recommender,
        storefront.animal_recommender.open_pages,
    )
    is_repeated = ordered.recommendation_id in query.repeats
    kept = pages.find(query.repeats, query.visitor) if is_repeated else []
    before = next((one for one in kept if one.question == RECOMMENDATION), None)
    try:
        if before is not None:
            name, reasons = (
                before.recommendation_id,
                group_recommender.reasons(query, before.item_ids),
            )
        else:
            answer = group_recommender.recommend(replace(query, limit=_MOST_RANKED))
            name = answer.recommendation_id
            reasons = {one.item_id: one.reasons for one in answer.items}
    except NotReady:
        return ()
    return tuple(
        Pick(members[one][0], len(members[one]), next(iter(why), None), name)
        for one, why in [each for each in reasons.items() if each[0] in members][:MAX_PICKS]
    )
