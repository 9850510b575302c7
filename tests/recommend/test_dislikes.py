"""What dislikes take from answers."""

import numpy as np
import pytest

from pawsonalize.core.times import DAY
from pawsonalize.models.recipes.contract import Context, ContextEvent
from pawsonalize.recommend.query import penalties, subtract_dislikes
from tests.event_data import T0

BEAGLE, HOUND, PUG, CAT = "2-Beagle-2-3", "2-Bloodhound-3-2", "2-Pug-1-1", "1-Siamese-1-1"
ITEMS = (BEAGLE, HOUND, PUG, CAT)


def of(disliked: list[str], liked: list[str], *, age: int = 0) -> Context:
    return Context(
        tuple(ContextEvent(item, "view", T0) for item in liked),
        T0 + age,
        disliked=tuple(ContextEvent(item, "dislike", T0) for item in disliked),
    )


def lost(context: Context) -> list[float]:
    found = penalties(context, ITEMS)
    assert found is not None
    return [float(one) for one in found]


def test_the_disliked_item_loses_most_its_like_less_and_others_nothing() -> None:
    beagle, hound, pug, cat = lost(of([BEAGLE], []))
    assert beagle < hound - 1 < hound < pug < cat == 0
    assert np.exp(pug) > 0.75, "one dislike says little of all dogs"


def test_five_dislikes_of_dogs_take_half_from_dogs_of_another_kind() -> None:
    *_, pug, cat = lost(of([BEAGLE, HOUND, "2-Boxer-3-3", "2-Akita-3-3", "2-Collie-3-3"], []))
    assert 0.3 < np.exp(pug) < 0.5
    assert cat == 0


def test_who_likes_dogs_and_dislikes_three_hardly_loses_any_other() -> None:
    *_, pug, _ = lost(of([BEAGLE, HOUND, "2-Boxer-3-3"], [PUG] * 30))
    assert np.exp(pug) > 0.85


def test_a_dislike_fades() -> None:
    assert lost(of([BEAGLE], [], age=900 * DAY))[0] > lost(of([BEAGLE], []))[0] / 10


def test_items_of_any_kind_lose_alone() -> None:
    found = penalties(of(["movie 1"], []), ["movie 1", "movie 2"])
    assert found is not None
    assert found[0] < -1
    assert found[1] == 0


def test_scores_keep_their_sum_and_stay_as_they_are_without_dislikes() -> None:
    scores = np.array([0.4, 0.3, 0.2, 0.1], np.float32)
    assert subtract_dislikes(scores, of([], [BEAGLE]), ITEMS) is scores
    left = subtract_dislikes(scores, of([BEAGLE], []), ITEMS)
    assert left.sum() == pytest.approx(1)
    assert left[0] < 0.1
    assert left[3] > 0.1
    assert subtract_dislikes(np.zeros(4, np.float32), of([BEAGLE], []), ITEMS).tolist() == [0] * 4
