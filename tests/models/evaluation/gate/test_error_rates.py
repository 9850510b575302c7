"""How often the gate would err: simulated users of two versions that are equally good."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pawsonalize.models.evaluation.gate import (
    Comparison,
    RuleOutcome,
    SliceEvidence,
    decide,
    slice_verdict,
)
from pawsonalize.models.evaluation.gate_settings import GateSettings
from pawsonalize.models.evaluation.intervals import chance_of_lead, paired_differences
from pawsonalize.testing.recipe_checks import NOW
from tests.evidence import evidence, live

GAINS = np.append(1 / np.log2(np.arange(2, 7)), 0)  # NDCG@5 of one target at ranks 1 to 5, or none
CHANCES = (0.08, 0.06, 0.04, 0.03, 0.03, 0.76)
RUNS = 200
DEFAULT = GateSettings()

Users = Callable[[np.random.Generator], tuple[NDArray[np.float64], NDArray[np.float64]]]


def promoted(users: Users, settings: GateSettings = DEFAULT) -> float:
    """The share of runs in which the one is promoted over the other, a young live version."""
    drawn = [users(np.random.default_rng(run)) for run in range(RUNS)]
    ours, theirs = (np.stack(columns, axis=1) for columns in zip(*drawn, strict=True))
    count = 0
    for run, lead in enumerate(paired_differences(ours, theirs, 0)):
        chance = chance_of_lead(ours[:, run], theirs[:, run], run)
        compared = Comparison(float(theirs[:, run].mean()), lead, chance)
        count += decide(evidence(live=live(compared)), settings, NOW).promoted
    return count / RUNS


def pair(test_cases: int, differing: float, better: float = 0.0) -> Users:
    """Two versions that place the target elsewhere for a share of the users.

    `better` is the share of ours that a first place replaces, of theirs if it is negative.
    """

    def draw(dice: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        theirs = GAINS[dice.choice(6, test_cases, p=CHANCES)]
        other = GAINS[dice.choice(6, test_cases, p=CHANCES)]
        ours = np.where(dice.random(test_cases) < differing, other, theirs)
        lifted = dice.random(test_cases) < abs(better)
        (ours if better > 0 else theirs)[lifted] = 1.0
        return ours, theirs

    return draw


def test_a_version_as_good_as_the_live_one_is_rarely_promoted(subtests: pytest.Subtests) -> None:
    for test_cases in [50, 200, 500]:
        for differing in [0.05, 0.2, 1.0]:
            with subtests.test(test_cases=test_cases, differing=differing):
                assert promoted(pair(test_cases, differing)) <= 0.05


def test_trainings_that_differ_by_chance_are_rarely_promoted_however_many_are_asked() -> None:
    """Two trainings on users drawn anew differ by 0.9% (benchmarks.gate); all users agree on it."""

    def drawn(dice: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        theirs = GAINS[dice.choice(6, 300, p=CHANCES)]
        return theirs * (1 + 0.009 * dice.normal()), theirs

    assert promoted(drawn) <= 0.05
    assert promoted(drawn, GateSettings(min_lead=0)) >= 0.4


def refused_for_a_slice(users: Users, slices: int) -> float:
    """The share of runs in which the rule of slices is against the one; all slices are alike."""
    count = 0
    for run in range(RUNS):
        parts = []
        for number in range(slices):
            ours, theirs = users(np.random.default_rng((run, number)))
            (lead,) = paired_differences(ours[:, None], theirs[:, None], run)
            compared = Comparison(float(theirs.mean()), lead, chance_of_lead(ours, theirs, run))
            loss = chance_of_lead(theirs, ours, run)
            mine = float(ours.mean())
            parts.append(SliceEvidence("species", str(number), len(ours), mine, compared, loss))
        found = slice_verdict(evidence(slices=tuple(parts)), DEFAULT)
        count += found.outcome is RuleOutcome.FAILED
    return count / RUNS


@pytest.mark.parametrize("slices", [3, 8])
def test_many_slices_together_refuse_a_version_as_good_as_the_live_one_rarely(slices: int) -> None:
    assert refused_for_a_slice(pair(60, differing=1.0), slices) <= 0.05


def test_slices_that_lose_clearly_refuse_a_version() -> None:
    assert refused_for_a_slice(pair(300, differing=0.3, better=-0.1), 3) >= 0.95


def test_a_version_that_is_clearly_better_is_promoted() -> None:
    assert promoted(pair(500, differing=0.3, better=0.1)) >= 0.95


def test_a_version_that_is_clearly_worse_never_is() -> None:
    assert promoted(pair(500, differing=0.3, better=-0.1)) == 0
