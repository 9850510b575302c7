"""A model of choices is off only beyond luck, by a share, and once for one fault."""

import pytest
from msgspec import convert, to_builtins

from pawsonalize.models.calibration import Calibration, describe_off, find_newly_off, find_off
from tests.calibration_data import LOW, calibration, row


@pytest.mark.parametrize(
    ("opened", "expected", "error", "is_off"),
    [
        (590, 500, 20.0, True),
        (410, 500, 20.0, True),
        (570, 500, 5.0, False),  # 14%
        (590, 500, 29.0, False),  # luck
        (390, 199, 20.0, False),  # too few expected to say
        (0, 200, 15.0, True),
    ],
)
def test_a_row_is_off_by_more_than_15_percent_and_luck_with_200_expected(
    opened: int, expected: float, error: float, is_off: bool
) -> None:
    assert row("place", LOW, opened, expected, error).is_off() == is_off


def test_what_is_off_is_said_in_words_with_the_next_move() -> None:
    (text,) = describe_off(find_off(calibration(at_low_places=800)))
    assert text.startswith(
        "animals at places 25 to 48 are opened 1.60 times as often as the model expects (800 for"
        " 500): see that the site shows every animal of an answer, in its order"
    )
    assert find_off(calibration()) == ()


def test_a_model_that_is_off_everywhere_by_one_share_has_one_fault() -> None:
    everywhere = (
        row("all", "all", 1_300, 1_000),
        row("place", "place 1", 650, 500),
        row("place", LOW, 350, 250),
        row("visit", "first visit", 350, 500),
    )
    assert [one.bin for one in find_off(everywhere)] == ["all", "first visit"]


def test_newly_off_is_what_was_judged_right_before() -> None:
    off, right = calibration(at_low_places=800), calibration()
    unjudged: Calibration = (row("place", LOW, 100, 100),)
    assert [one.bin for one in find_newly_off(off, right)] == [LOW]
    assert [find_newly_off(*pair) for pair in ((off, off), (right, right))] == [(), ()]
    assert [find_newly_off(off, before) for before in (unjudged, ())] == [(), ()]


def test_rows_are_json_as_they_are() -> None:
    rows = calibration()
    assert convert(to_builtins(rows), Calibration) == rows
