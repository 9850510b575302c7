"""A policy's value is told where the log can tell it, and refused where it cannot."""

import csv
import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pawsonalize.models.evaluation.intervals import Interval
from pawsonalize.models.evaluation.off_policy import (
    LEAST_SAMPLE,
    Choices,
    effective_sample,
    off_policy_value,
)

OPEN_BANDIT = (
    Path(os.environ.get("PAWSONALIZE_SHARED_DATA", Path(__file__).parents[5] / "shared" / "data"))
    / "open_bandit"
)
needs_open_bandit = pytest.mark.skipif(not OPEN_BANDIT.is_dir(), reason=f"no data in {OPEN_BANDIT}")


def log(rows: int, places: int = 1, seed: int = 0) -> Choices:
    """Coins of worth 0.2 and 0.6, shown nine to one; the target shows them one to one."""
    dice = np.random.default_rng(seed)
    second = dice.random(rows) < 0.1
    reward = (dice.random(rows) < np.where(second, 0.6, 0.2)).astype(np.float64)
    logged = np.where(second, 0.1, 0.9)
    columns = (reward, logged, np.full(rows, 0.5), np.arange(rows))
    return Choices(*(np.repeat(column, places) for column in columns))


def value(choices: Choices) -> Interval:
    estimate = off_policy_value(choices).estimate
    assert estimate is not None
    return estimate


@pytest.mark.parametrize("answers", [1_000, 4_000])
def test_intervals_hold_the_truth_as_often_as_they_say(answers: int) -> None:
    found = [value(log(answers, seed=seed)) for seed in range(60)]
    held = sum(one.low <= 0.4 <= one.high for one in found)
    assert held >= 50, "95% of 60 are 57; fewer than 50 come by chance once in 10,000"


def test_rows_of_one_answer_are_not_counted_as_if_they_were_many() -> None:
    alone, tenfold = value(log(3_000)), off_policy_value(log(3_000, places=10))
    assert (tenfold.rows, tenfold.answers) == (30_000, 3_000)
    same = tenfold.estimate
    assert same is not None
    assert (same.low, same.high) == pytest.approx((alone.low, alone.high))


def test_normal_and_bootstrap_intervals_agree() -> None:
    few, many = value(log(2_000)), value(log(2_001))
    assert few.high - few.low == pytest.approx(many.high - many.low, rel=0.15)


def test_too_few_answers_are_refused_with_how_many_are_needed() -> None:
    verdict = off_policy_value(log(100))
    assert verdict.estimate is None
    assert 0 < verdict.effective_sample < LEAST_SAMPLE
    assert verdict.answers == 100
    assert "times as many answers" in (verdict.refusal or "")


def test_many_rows_of_few_answers_are_refused() -> None:
    verdict = off_policy_value(log(20, places=100))
    assert verdict.estimate is None
    assert verdict.rows == 2_000


def test_a_policy_that_shows_nothing_of_the_log_is_refused() -> None:
    plain = log(1_000)
    other = Choices(plain.reward, plain.logged, np.zeros(1_000), plain.answer)
    verdict = off_policy_value(other)
    assert verdict.estimate is None
    assert verdict.effective_sample == 0
    assert "shows nothing" in (verdict.refusal or "")


def open_bandit(policy: str, campaign: str) -> dict[str, NDArray[np.float64]]:
    path = OPEN_BANDIT / f"obd_small_{policy}_{campaign}.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = ("click", "propensity_score", "item_id", "position")
    return {name: np.array([float(row[name]) for row in rows]) for name in names}


def uniform_from_thompson(campaign: str, items: int) -> Choices:
    """The log of Thompson sampling, asked for the value of showing every item alike."""
    logged = open_bandit("bts", campaign)
    rows = np.arange(len(logged["click"]))
    return Choices(logged["click"], logged["propensity_score"], np.full(len(rows), 1 / items), rows)


@needs_open_bandit
def test_uniform_display_is_judged_from_the_log_of_thompson_sampling() -> None:
    """The truth was measured: the same shop showed items at random on the same days."""
    choices = uniform_from_thompson("men", 34)
    found, truth = value(choices), value(own(open_bandit("random", "men")["click"]))
    assert effective_sample(choices) == pytest.approx(656, abs=1)
    assert found.low <= truth.mean <= found.high


def own(reward: NDArray[np.float64]) -> Choices:
    """A log asked for the value of the policy that wrote it."""
    even = np.full(len(reward), 0.5)
    return Choices(reward, even, even, np.arange(len(reward)))


@needs_open_bandit
def test_a_log_of_which_two_rows_decide_is_refused() -> None:
    verdict = off_policy_value(uniform_from_thompson("women", 46))
    assert verdict.estimate is None
    assert verdict.effective_sample == pytest.approx(2.08, abs=0.01)
    assert "exploration_weight" in (verdict.refusal or "")
