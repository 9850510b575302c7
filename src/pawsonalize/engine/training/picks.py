"""Learns how much picks depend on log-odds, from the boards that visitors answered."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from pawsonalize.domain.animals import Animal
from pawsonalize.engine.serving.animals.boards import picked_board
from pawsonalize.engine.serving.animals.factors import animal_values, far, logged_factors
from pawsonalize.engine.serving.animals.settings import PARTS
from pawsonalize.recipes.choices.effects import TRAITS, VISITOR_TRAITS
from pawsonalize.recipes.choices.model import AnimalCounts, ChoiceModel
from pawsonalize.recipes.choices.own_effects import KINDS, animal_effects
from pawsonalize.recipes.choices.picks import AnsweredBoard, PickScale, fit_picks
from pawsonalize.recipes.data import Floats
from pawsonalize.storage.animals.animals import Animals
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.histories import Deed
from pawsonalize.storage.events.impressions import Impression, Impressions

MAX_BOARDS = 2_000
"""The scale is learned from so many of the boards that were answered last."""

_EVENTS = 2_000_000  # of the newest, that are looked through
_BATCH = 50_000


def learn_picks(
    impressions: Impressions, log: EventLog, animals: Animals, model: ChoiceModel, through: int
) -> PickScale:
    """The scale by the picks up to that offset, given what the model says of the animals."""
    answers = defaultdict[str, list[Deed]](list)
    after = max(0, through - _EVENTS)
    while batch := log.picks(after, _BATCH):
        for deed in batch:
            if deed.offset <= through and deed.recommendation_id is not None:
                answers[deed.recommendation_id].append(deed)
        after = batch[-1].offset
    # Ids grow with time. A board that nobody gave says nothing, or anybody could make picks up.
    names = sorted(answers)[-MAX_BOARDS:]
    given = impressions.get_many(names)
    boards = [given[one] for one in names if one in given]
    ids = {ids[0] for board in boards for ids in board.animal_ids or ()}
    known = animals.get_many(sorted(ids))
    found = (_answered(board, answers[board.recommendation_id], known, model) for board in boards)
    variances = [model.visitor_variances[kind] for kind in KINDS]
    return fit_picks([one for one in found if one is not None], variances)


def _answered(
    board: Impression, deeds: list[Deed], known: Mapping[str, Animal], model: ChoiceModel
) -> AnsweredBoard | None:
    picked = picked_board(board, deeds)
    if picked is None:
        return None
    rows = np.array(logged_factors(board, len(picked.animals)))
    group, distance, quiz = (rows[:, PARTS.index(name)] for name in ("group", "distance", "quiz"))
    values = [animal_values(known.get(one)) for one in picked.animals]
    columns = zip(*(row[: len(VISITOR_TRAITS)] for row in values), strict=True)
    traits = [np.unique(column, return_inverse=True)[1].reshape(-1) for column in columns]
    # The same parts as when a visitor's effects are solved for an answer.
    odds = _appeal(model, picked.animals, values)
    own = {"group": group, "distance": distance, "far": far(distance), "quiz": quiz}
    for name, column in own.items():
        odds += model.to_open(name) * column
    return AnsweredBoard(np.array(traits), distance, odds, picked.picks)


def _appeal(model: ChoiceModel, ids: tuple[str, ...], values: list[tuple[str, ...]]) -> Floats:
    counts = [model.counts.get(one, AnimalCounts()) for one in ids]
    opened, looked, expected = np.array(counts).T
    total = animal_effects(opened, looked, expected, model.own)
    for trait, column in zip(TRAITS, zip(*values, strict=True), strict=True):
        total += [model.levels.get(trait, {}).get(value, 0.0) for value in column]
    return np.asarray(total)
