"""Which arrivals count as the hardest to place."""

import numpy as np

from pawsonalize.models.evaluation.intervals import expected_rates, hardest_fifth


def test_arrivals_of_the_kind_that_waits_longest_are_the_hardest() -> None:
    kind = np.arange(100) // 20
    waited = np.array([5.0, 8.0, 10.0, 12.0, 80.0])[kind]
    rates = expected_rates([np.zeros(100, int), kind], waited, np.ones(100, bool))
    assert hardest_fifth(rates).tolist() == (kind == 4).tolist()


def test_what_becomes_of_an_arrival_does_not_make_it_hard_itself() -> None:
    """Every animal is the only one of its group: luck says nothing about who was hard."""
    dice = np.random.default_rng(0)
    waited = dice.exponential(30, 500)
    adopted = dice.random(500) < 0.7
    rates = expected_rates([np.zeros(500, int), np.arange(500)], waited, adopted)
    hard = hardest_fifth(rates)
    assert hard.sum() == 100
    assert abs(adopted[hard].mean() - adopted.mean()) < 0.1


def test_a_rare_group_is_judged_by_the_kind_it_belongs_to() -> None:
    species = np.array([0] * 50 + [1] * 50)
    group = np.where(np.arange(100) == 99, 2, species)
    waited = np.where(species == 0, 10.0, 60.0)
    waited[99] = 1.0
    rates = expected_rates([species, group], waited, np.ones(100, bool))
    assert rates[99] < rates[:50].min(), "one lucky day does not make its group an easy one"


def test_no_arrival_and_no_adoption_are_no_error() -> None:
    assert len(hardest_fifth(np.zeros(0))) == 0
    rates = expected_rates([np.zeros(3, int)], np.zeros(3), np.zeros(3, bool))
    assert np.isfinite(rates).all()
    assert hardest_fifth(rates).tolist() == [True, False, False]
