"""Weights are learned from choices where there are some, and are the prior where there are none."""

import numpy as np
from numpy.typing import NDArray

from pawsonalize.engine.serving.animals.settings import BOUNDS, LEARNED, Weights
from pawsonalize.engine.training.animal_weights import learned_weights
from pawsonalize.storage.animal_exposures import Choice

TRUTH = np.array([1.5, 0.2, 2.0, 0.0, 0.7])


def choices(count: int) -> list[Choice]:
    """Choices of visitors who weigh by the truth."""
    dice = np.random.default_rng(3)
    low, high = np.array(BOUNDS[: len(LEARNED)]).T
    made = []
    for _ in range(count):
        factors = dice.uniform(low, high, (10, 5))
        logs = dice.normal(0, 0.5, 10)
        utilities = logs + factors @ TRUTH + dice.gumbel(size=10)
        places = np.column_stack([logs, factors]).tolist()
        made.append(Choice(tuple(map(tuple, places)), int(utilities.argmax())))
    return made


def weights_of(weights: Weights) -> NDArray[np.float64]:
    """Those that are learned."""
    return np.array(weights.values()[: len(LEARNED)])


def test_what_a_shelter_wishes_is_not_learned_and_teaches_nothing_else() -> None:
    """A wish that explains every choice leaves the weights, and itself, as they were."""
    plain = [Choice(((0.0,) * 6, (0.0,) * 6), 0) for _ in range(50)]
    wished = [Choice(((0.0,) * 6 + (1.0,), (0.0,) * 6 + (0.0,)), 0) for _ in range(50)]
    assert learned_weights([*plain, *wished], Weights()) == Weights()


def test_without_choices_the_weights_are_the_prior() -> None:
    assert learned_weights([], Weights()) == Weights()


def test_with_many_choices_the_weights_come_close_to_those_that_chose() -> None:
    learned = learned_weights(choices(4_000), Weights())
    assert np.abs(weights_of(learned) - TRUTH).max() < 0.25
    few = learned_weights(choices(20), Weights())
    prior = weights_of(Weights())
    assert np.abs(weights_of(few) - prior).sum() < np.abs(TRUTH - prior).sum()


def test_a_factor_that_is_the_same_for_all_teaches_nothing_and_odd_lists_are_left_out() -> None:
    same = [
        Choice(tuple((*place[:4], 0.0, place[5]) for place in choice.factors), choice.chosen)
        for choice in choices(200)
    ]
    odd = Choice(((1.0, 2.0),), 0)
    learned = learned_weights([odd, *same], Weights())
    assert learned.photos == Weights().photos
    assert learned == learned_weights(same, Weights())
