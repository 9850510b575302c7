"""Who is shown, and in which order: the service's two questions, as this site asks them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.errors import NotReady
from pawsonalize.domain.events import Visitor
from pawsonalize.engine.runtime import Candidate
from pawsonalize.engine.told import NOTHING, Told
from pawsonalize.ui.storefront import Storefront

MAX_PICKS = 6
# Most groups of a catalogue have nobody waiting, so more are asked for than are shown.
_ASKED = 200


@dataclass(frozen=True, slots=True)
class Ordered:
    """Animals, best first, and the answer's id; None if no model is live: longest wait first."""

    animals: tuple[Animal, ...]
    recommendation_id: str | None


@dataclass(frozen=True, slots=True)
class Pick:
    """A recommended group: its animal that waits longest, how many wait, and why it is here."""

    animal: Animal
    waiting: int
    reason: str | None
    recommendation_id: str


def order(
    storefront: Storefront,
    visitor: Visitor,
    animals: Sequence[Animal],
    now: int,
    told: Told = NOTHING,
) -> Ordered:
    """The animals in the visitor's order."""
    if not animals:
        return Ordered((), None)
    by_id = {animal.animal_id: animal for animal in animals}
    candidates = [Candidate(animal.animal_id, animal.group_at(now).id) for animal in animals]
    try:
        answer = storefront.runtime.rerank(visitor, candidates, now, now, told=told)
    except NotReady:
        return Ordered(tuple(animals), None)
    ranked = tuple(by_id[item.item_id] for item in answer.items)
    return Ordered(ranked, answer.recommendation_id)


def pick(
    storefront: Storefront,
    visitor: Visitor,
    animals: Sequence[Animal],
    now: int,
    told: Told = NOTHING,
) -> tuple[Pick, ...]:
    """The visitor's best groups of which somebody is waiting; none if no model is live."""
    members = defaultdict(list)
    for animal in animals:  # which come longest wait first
        members[animal.group_at(now).id].append(animal)
    try:
        answer = storefront.runtime.recommend(visitor, _ASKED, now, now, told=told, explain=True)
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
