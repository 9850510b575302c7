import numpy as np
import pytest
from msgspec.structs import replace

from pawsonalize.models.recipes.counts.counting import counts_of
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.testing.recipe_checks import described, shop

DATA = shop()


def test_equal_data_have_equal_fingerprints() -> None:
    assert counts_of(DATA).summary.fingerprint == counts_of(shop()).summary.fingerprint


def test_how_visitors_are_numbered_makes_no_difference() -> None:
    assert (
        counts_of(replace(DATA, user=DATA.user[::-1])).summary.fingerprint
        == counts_of(DATA).summary.fingerprint
    )


def test_any_difference_shows(subtests: pytest.Subtests) -> None:
    cases: list[TrainingData] = [
        replace(DATA, as_of=DATA.as_of + 1),
        replace(DATA, n_users=DATA.n_users + 1),
        replace(DATA, time=DATA.time + 1),
        replace(DATA, item=DATA.item[::-1]),
        replace(DATA, user=np.maximum(DATA.user, 1)),
        replace(DATA, value=np.zeros_like(DATA.value)),
        replace(DATA, event_type=np.zeros_like(DATA.event_type)),
        replace(DATA, item_ids=DATA.item_ids[::-1]),
        replace(DATA, item_ids=(DATA.item_ids[0] + DATA.item_ids[1], "", *DATA.item_ids[2:])),
        replace(DATA, event_types=("a", "b", "c")),
        replace(DATA, attributes=described([("x",)] * len(DATA.item_ids), ("genre",))),
    ]
    for other in cases:
        with subtests.test(other=other):
            assert counts_of(other).summary.fingerprint != counts_of(DATA).summary.fingerprint
