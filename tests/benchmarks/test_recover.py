"""What is drawn from known numbers, stored as the service stores it and learned, is found again."""

import numpy as np
import pytest
from benchmarks.recover import Result, recover
from benchmarks.recovery.cases import CASES

# Of numbers that are off by luck alone, 4.6% are off by more than two standard errors.
_OFF, _FAR = 0.05, 4


def held_together(results: list[Result]) -> tuple[float, list[str]]:
    """The share of numbers off by more than two standard errors; those by more than four."""
    numbers = [(result.case, one) for result in results for one in result.numbers]
    off = np.array([abs(one.off) for _, one in numbers])
    far = [
        f"{case}, {one.what}: {one.learned:.3f} for {one.truth:.3f}"
        for case, one in numbers
        if abs(one.off) > _FAR
    ]
    return float((off > 2).mean()), far


def test_weights_attention_and_variances_of_long_pages_are_found_by_a_training() -> None:
    result = recover("pages of 40", 2, share=0.5)
    learned = {one.what: one for one in result.numbers}
    share, far = held_together([result])
    assert not far
    assert share < 0.2, "of some twenty numbers three may be off by luck"
    assert result.slope <= 1e-4
    # Places beyond the twenty-fifth are looked at no more often than they are.
    assert learned["attention 39"].learned < 0.2
    assert learned["waiting"].learned < 0.3


# Some six in a hundred are off by now: variances of animals, an eighth too low, and attention to
# long pages, slightly too high.
@pytest.mark.nightly
@pytest.mark.xfail(reason="more numbers are off than luck would have")
def test_of_all_cases_few_numbers_are_off_and_none_far() -> None:
    results = [recover(name, seed) for name in CASES for seed in (1, 2)]
    share, far = held_together(results)
    assert not far
    assert share <= _OFF
    assert max(result.slope for result in results) <= 1e-4
