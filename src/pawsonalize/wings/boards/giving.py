"""Boards as answers: given, logged and found again."""

import numpy as np
from msgspec.structs import replace

from pawsonalize.engine.serving.animals.answer import AnimalsAnswer, places_in_order
from pawsonalize.engine.serving.animals.available import EVERY_SLOT, Slots
from pawsonalize.engine.serving.animals.ranking import Individuals
from pawsonalize.engine.serving.animals.utility import Weighing, estimate
from pawsonalize.engine.serving.context import Query
from pawsonalize.engine.serving.exploration import Explored
from pawsonalize.kinds.resource import new_recommendation_id
from pawsonalize.recipes.data import Floats
from pawsonalize.storage.events.impressions import BOARD
from pawsonalize.wings.boards.choosing import SAMPLED, draw_board


def give_board(
    individuals: Individuals, query: Query, size: int, *, if_worth: bool = False
) -> AnimalsAnswer:
    """Return a board of so many animals for the visitor, or of all there are; it is logged.

    With `if_worth`, a board that is not worth its place has no animals, and is not logged.
    """
    name = query.recommendation_id or new_recommendation_id(query.now)
    query = individuals.runtime.with_user(query)
    query = replace(query, recommendation_id=name, explain=False)
    groups = individuals.runtime.score_groups(query)
    share = individuals.settings.group_affinity
    with individuals.weighing(query, groups, share) as weighing:
        slots, chances = choose_board(weighing, size, name)
        if if_worth and not individuals.asks(weighing, slots, query):
            return AnimalsAnswer(name, groups.served.answered_by(groups.context), ())
        weighed = weighing.weigh(slots)
        ids = [weighing.available.members(slot) for slot in slots.tolist()]
        scores = np.exp(weighed.utilities - weighing.bound)
        drawn = Explored(tuple(slots.tolist()), (False,) * len(ids), tuple(chances.tolist()))
        places = places_in_order(weighing, weighed, ids, scores, drawn)
    return individuals.answer(BOARD, query, groups, places, [])


def choose_board(weighing: Weighing, size: int, seed: str) -> tuple[Slots, Floats]:
    """The slots of a board, and the chance of each given those before it; `seed` is all chance."""
    available, values = weighing.available, estimate(weighing).values
    picked = available.slots(weighing.personal.boards.picked_animals)
    values[[*weighing.disliked, *picked]] = -np.inf
    may_be_shown = values > -np.inf
    there = np.flatnonzero(may_be_shown & (available.column("photos", EVERY_SLOT) > 0))
    if len(np.unique(available.column("group", there))) < size:  # no two are of one
        there = np.flatnonzero(may_be_shown)
    if not len(there):
        return there, np.empty(0)
    dice = np.random.default_rng(int.from_bytes(seed.encode()))
    most = min(SAMPLED, len(there))
    drawn = np.array([dice.choice(len(there), most, replace=False) for _ in range(size)])
    places, rows = np.unique(drawn, return_inverse=True)
    slots = there[places]
    known, odds = weighing.posterior(slots), weighing.utilities(slots)
    alike = available.column("group", slots)
    scale = weighing.tables.model.picks.scale
    found = draw_board(known, odds, alike, rows.reshape(drawn.shape), scale, dice)
    # Each sample is a fair draw of all animals, so the chance to be in it counts as well: divided
    # by the product, what became of a board is an unbiased estimate (Horvitz and Thompson 1952).
    chances = np.array([chance for _, chance in found]) * most / len(there)
    return slots[[row for row, _ in found]], chances
