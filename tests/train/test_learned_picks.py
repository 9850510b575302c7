"""Training learns from boards how far picks can be believed."""

import numpy as np
import pytest

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core.event import NO_PICK, NOTHING, PICK, Event
from pawsonalize.core.times import MINUTE
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.recipes.choices.model import UNFITTED, ChoiceModel
from pawsonalize.models.recipes.choices.own_effects import ANYTHING, KINDS, VISITOR_VARIANCES
from pawsonalize.models.recipes.choices.picks import DEFAULT_PICKS, MIN_BOARDS
from pawsonalize.recommend.animals.settings import PARTS
from pawsonalize.recommend.tables import BOARD, Impression, Impressions
from pawsonalize.resources.kind import first_recommendation_id
from pawsonalize.train.shown import learn_choices
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
    animals: Animals,
    shown: Impressions,
    log: EventLog,
    places: list[int | None],
    given_to: str = "s{}",
    answered_by: str = "s{}",
) -> ChoiceModel:
    """The model after so many visitors picked the animals at these places, or none."""
    animals.put([animal(f"a{n}", group) for n, group in enumerate(GROUPS)], T0)
    boards = [board(number, given_to.format(number)) for number in range(len(places))]
    shown.append(boards)
    sessions = [answered_by.format(number) for number in range(len(places))]
    log.append([answer(*row) for row in zip(boards, sessions, places, strict=True)])
    return learn_choices(shown, log, animals, through=log.head())


def test_whoever_mostly_says_none_makes_none_likelier(
    animals: Animals, shown: Impressions, log: EventLog
) -> None:
    places = [None if number % 4 else number % 5 for number in range(3 * MIN_BOARDS)]
    found = learn(animals, shown, log, places)
    assert found.picks.outside > DEFAULT_PICKS.outside
    changed = {kind for kind in KINDS if found.visitor_variances[kind] != VISITOR_VARIANCES[kind]}
    assert changed >= {"breed", "size", "age"}
    assert ANYTHING not in changed, "it is the same for all animals of a board"
    assert ChoiceModel.of_arrays(found.arrays()) == found


@pytest.mark.parametrize(
    ("count", "given_to", "answered_by"),
    [
        pytest.param(MIN_BOARDS - 1, "s{}", "s{}", id="too few"),
        pytest.param(3 * MIN_BOARDS, "s{}", "another", id="given to others"),
        pytest.param(3 * MIN_BOARDS, "one", "one", id="one visitor's"),
    ],
)
def test_boards_that_teach_nothing(
    animals: Animals, shown: Impressions, log: EventLog, count: int, given_to: str, answered_by: str
) -> None:
    places: list[int | None] = [None] * count
    assert learn(animals, shown, log, places, given_to, answered_by) is UNFITTED


def test_what_does_not_help_is_not_kept(
    animals: Animals, shown: Impressions, log: EventLog
) -> None:
    dice = np.random.default_rng(0)
    places = [None if dice.random() < 1 / 11 else int(dice.integers(5)) for _ in range(MIN_BOARDS)]
    assert learn(animals, shown, log, places).picks == DEFAULT_PICKS
