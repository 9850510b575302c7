"""What a benchmark compares with is another program, or there are no figures."""

import pytest
from benchmarks.genuine import NoRival, check_constant, check_others, check_work


def test_a_constant_is_one_and_the_service_in_its_place_is_not() -> None:
    check_constant([b"same", b"same", b"same"])
    for answers in ([b"one", b"two"], [b"alone"], []):
        with pytest.raises(NoRival, match="no constant"):
            check_constant(answers)


def test_two_contenders_that_answer_alike_are_named() -> None:
    check_others({"ours": (1, 2), "theirs": (2, 1)})
    with pytest.raises(NoRival, match="theirs answers just as ours"):
        check_others({"ours": (1, 2), "other": (3,), "theirs": (1, 2)})


def test_work_that_was_not_done_gives_no_figures() -> None:
    check_work("pages", [1, 2], wanted=2)
    check_work("pages", [], wanted=0)
    with pytest.raises(NoRival, match="pages: 1 of at least 2"):
        check_work("pages", [1], wanted=2)
