"""Training learns from boards how far picks can be believed."""

import numpy as np
import pytest

from pawsonalize.domain.events import NO_PICK, NOTHING, PICK, Event
from pawsonalize.domain.times import MINUTE
from pawsonalize.engine.serving.animals.settings import PARTS
from pawsonalize.engine.training.shown import learn_choices
from pawsonalize.kinds.resource import first_recommendation_id
from pawsonalize.recipes.choices.model import UNFITTED, ChoiceModel
from pawsonalize.recipes.choices.picks import DEFAULT_PICKS, MIN_BOARDS
from pawsonalize.storage.animals.animals import Animals
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.impressions import BOARD, Impression, Impressions
from tests.animal_data import animal
from tests.event_data import T0

GROUPS = ("1-Siamese-1-2", "1-Manx-2-3", "2-Beagle-2-3", "2-Pug-1-1", "2-Boxer-4-3")


def board(number: int, session: str) -> Impression:
    at = T0 + number * MINUTE
    return Impression(
        first_recommendation_id(at), BOARD, None, session, at, at, "v", GROUPS,
        animal_ids=tuple((f"a{place}",) for place in range(len(GROUPS))),
        factors=((0.0,) * len(PARTS),) * len(GROUPS),
    )  # fmt: skip


def answer(of: Impression, session: str, place: int | None) -> Event:
    at, is_none = of.as_of + 9, place is None
    return Event(
        of.recommendation_id, None, session, NO_PICK if is_none else PICK,
        NOTHING if place is None else GROUPS[place], at, at,
        NOTHING if place is None else f"a{place}", 1.0, of.recommendation_id,
    )  # fmt: skip


def learn(
    animals: Animals, shown: Impressions, log: EventLog, places: list[int | None], thief: str = ""
) -> ChoiceModel:
    """The model after so many visitors picked the animals at these places, or none."""
    animals.put([animal(f"a{n}", group) for n, group in enumerate(GROUPS)], T0)
    boards = [board(number, f"s{number}") for number in range(len(places))]
    shown.append(boards)
    sessions = [thief or f"s{number}" for number in range(len(places))]
    log.append([answer(*row) for row in zip(boards, sessions, places, strict=True)])
    return learn_choices(shown, log, animals, through=log.head())


def test_whoever_mostly_says_none_makes_none_likelier(
    animals: Animals, shown: Impressions, log: EventLog
) -> None:
    places = [None if number % 4 else number % 5 for number in range(3 * MIN_BOARDS)]
    found = learn(animals, shown, log, places)
    assert found.picks.outside > DEFAULT_PICKS.outside
    assert ChoiceModel.of_arrays(found.arrays()) == found


@pytest.mark.parametrize(("count", "thief"), [(MIN_BOARDS - 1, ""), (3 * MIN_BOARDS, "another")])
def test_too_few_boards_and_boards_of_others_teach_nothing(
    animals: Animals, shown: Impressions, log: EventLog, count: int, thief: str
) -> None:
    assert learn(animals, shown, log, [None] * count, thief) is UNFITTED


def test_what_does_not_help_is_not_kept(
    animals: Animals, shown: Impressions, log: EventLog
) -> None:
    dice = np.random.default_rng(0)
    places = [None if dice.random() < 1 / 11 else int(dice.integers(5)) for _ in range(MIN_BOARDS)]
    assert learn(animals, shown, log, places).picks == DEFAULT_PICKS
