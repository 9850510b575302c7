"""What a training request does not see of its own user."""

import numpy as np
from msgspec.structs import replace

from pawsonalize.models.recipes.counts.counting import EventCounts
from pawsonalize.models.recipes.items import ItemIndex
from pawsonalize.models.recipes.learned.design import Design
from pawsonalize.models.recipes.learned.signals import Pairs, hide
from pawsonalize.models.recipes.learned.tables import count
from pawsonalize.models.recipes.mixture import Mixture, MixtureCounts
from pawsonalize.models.recipes.user_personalization import UserPersonalizationSettings
from pawsonalize.testing.recipe_checks import walks

SETTINGS, DESIGN = UserPersonalizationSettings(), Design()


def test_each_of_many_requests_hides_what_its_user_did_from_then_on() -> None:
    data = walks()
    log = EventCounts(data)
    counts = MixtureCounts.of(log, SETTINGS)
    index = ItemIndex.build(log.summary.data.item_ids, log.summary.data.attributes)
    counted = count(log, log, counts, Mixture.of(counts, index, SETTINGS), DESIGN)
    ones = np.ones(len(data.item_ids))
    counted = replace(counted, forward_scale=ones, backward_scale=2 * ones)
    users, cuts = np.array([3, 7, 3, 0]), np.array([4, 9, 8, 1])

    for user, cut, own in zip(users, cuts, hide(counted, users, cuts), strict=True):
        times = np.sort(data.time[data.user == user])
        kept = data.of_events((data.user != user) | (data.time < times[cut]))
        left = _steps(EventCounts(kept, log.summary.clock))
        np.testing.assert_allclose(_steps(log) - left, _dense(own[0]), atol=1e-6)
        np.testing.assert_allclose(2 * _dense(own[0]).T, _dense(own[1]))


def _steps(log: EventCounts) -> np.ndarray:
    return log.visit_steps(DESIGN.weights, DESIGN.window, DESIGN.gap_decay).toarray()


def _dense(pairs: Pairs) -> np.ndarray:
    found = np.zeros((60, 60))
    found[pairs.row, pairs.column] = pairs.worth
    return found
