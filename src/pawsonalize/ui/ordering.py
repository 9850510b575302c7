"""Who is shown, in which order and why, as the service answers it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.errors import NotReady
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.preferences import Preferences
from pawsonalize.engine.serving.animals.eligibility import Eligibility
from pawsonalize.engine.serving.query import Query
from pawsonalize.ui.storefront import Storefront

MAX_PICKS = 6
# Most groups of a catalogue have nobody waiting, so more are asked for than are shown.
_ASKED = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """An animal, who goes with it, and why it stands there."""

    animal: Animal
    together: tuple[Animal, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ordered:
    """The first animals, best first, out of how many, and the answer's id.

    Without a live model the id is None and who is listed longest comes first.
    """

    shown: tuple[Shown, ...]
    total: int
    recommendation_id: str | None


@dataclass(frozen=True, slots=True)
class Pick:
    """A recommended group: its animal that waits longest, how many wait, and why it is here."""

    animal: Animal
    waiting: int
    reason: str | None
    recommendation_id: str


def order(storefront: Storefront, query: Query) -> Ordered:
    """The first animals for the visitor that the rules allow."""
    individuals = storefront.individuals
    fitting = individuals.fitting(query)
    try:
        answer = individuals.recommend(query)
    except NotReady:
        known = storefront.animals.get_many(fitting[: query.limit])
        longest = tuple(Shown(known[one]) for one in fitting[: query.limit] if one in known)
        return Ordered(longest, len(fitting), None)
    known = storefront.animals.get_many([one for each in answer.places for one in each.animal_ids])
    shown = []
    for place in answer.places:
        first, *others = (known[one] for one in place.animal_ids)
        shown.append(Shown(first, tuple(others), place.reasons))
    return Ordered(tuple(shown), len(fitting), answer.recommendation_id)


def like(
    storefront: Storefront,
    visitor: Visitor,
    animal: Animal,
    rules: Eligibility,
    limit: int,
    now: int,
) -> Ordered:
    """Others that those like who like this animal; nobody without a live model."""
    query = Query(visitor, now, now, eligibility=rules, limit=limit)
    try:
        answer = storefront.individuals.similar(animal.animal_id, query)
    except NotReady:
        return Ordered((), 0, None)
    known = storefront.animals.get_many([place.animal_ids[0] for place in answer.places])
    shown = tuple(Shown(known[place.animal_ids[0]]) for place in answer.places)
    return Ordered(shown, len(shown), answer.recommendation_id)


def pick(
    storefront: Storefront,
    visitor: Visitor,
    animals: Sequence[Animal],
    now: int,
    looking_for: Preferences,
) -> tuple[Pick, ...]:
    """The visitor's best groups of which somebody is waiting; none if no model is live."""
    members = defaultdict(list)
    for animal in animals:  # which come longest wait first
        members[animal.group_at(now).id].append(animal)
    try:
        query = Query(visitor, now, now, preferences=looking_for, limit=_ASKED, explain=True)
        answer = storefront.runtime.recommend(query)
    except NotReady:
        return ()
    found = [item for item in answer.items if item.item_id in members][:MAX_PICKS]
    return tuple(
        Pick(
            animal=members[item.item_id][0],
            waiting=len(members[item.item_id]),
            reason=next(iter(item.reasons), None),
            recommendation_id=answer.recommendation_id,
        )
        for item in found
    )
