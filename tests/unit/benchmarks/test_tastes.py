"""What explains true tastes is told by least squares: more parts never explain less."""

import numpy as np
import pytest
from benchmarks.tastes import Recorder, explained, record

from pawsonalize.demo import WorldSettings
from pawsonalize.engine.serving.animals.settings import FACTORS


@pytest.fixture(scope="module")
def recorded() -> Recorder:
    return record(WorldSettings(animals=60, adopters=150, events=3_000, days=60), seed=3)


def test_more_parts_explain_more_and_each_is_around_its_mean(recorded: Recorder) -> None:
    factors, _ = explained([recorded], FACTORS)
    both, weights = explained([recorded], (*FACTORS, "age", "size"))
    assert 0 < factors[-1] < both[-1] < 1
    assert len(weights) == len(FACTORS) + 2
    for parts, truth in zip(recorded.parts, recorded.truth, strict=True):
        assert abs(truth.mean()) < 1e-6
        assert all(abs(part.mean()) < 1e-6 for part in parts.values())


def test_who_looked_at_nothing_has_no_taste_but_that_of_their_household(
    recorded: Recorder,
) -> None:
    nothing = [
        parts for known, parts in zip(recorded.known, recorded.parts, strict=True) if known == 0
    ]
    assert nothing
    assert all(np.allclose(parts["counted age"], 0) for parts in nothing)
    assert any(not np.allclose(parts["age"], 0) for parts in nothing)
