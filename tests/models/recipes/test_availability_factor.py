"""What the number of available animals does to the chances of groups."""

import numpy as np

from pawsonalize.models.recipes.counts.popularity import AvailabilityFactor

SELDOM_THERE = AvailabilityFactor(np.array([0.1, 5.0], np.float32), 0.5)


def popular(*, has_history: bool) -> float:
    """The share of a group that is seldom there and has one animal now, chosen once of 20 times."""
    parts = np.zeros((5, 2), np.float32)
    parts[-1] = 0.05, 0.95
    SELDOM_THERE.apply(parts, np.array([1, 5]), has_history=has_history)
    assert np.isclose(parts[-1].sum(), 1)
    return float(parts[-1, 0])


def test_a_rare_group_is_made_little_of_for_a_visitor_of_whom_nothing_is_known() -> None:
    assert popular(has_history=False) < 0.02
    assert popular(has_history=True) > 0.08
