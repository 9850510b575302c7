"""What asking everybody would bring is said by the numbers, and only beyond luck."""

from pawsonalize.models.plays import describe_boards
from tests.play_data import PLAYS, play

SERVED = PLAYS[0]


def test_what_asking_would_bring_is_said_by_the_numbers_of_the_play() -> None:
    assert describe_boards(PLAYS) == (
        "If every visitor answered a board: 21.4 homes for each 1,000 visits in place of 20.1,"
        " 19.0 days of waiting in place of 22.0"
    )


def test_asking_that_saves_days_alone_or_costs_homes_is_said_as_well() -> None:
    days_alone = describe_boards((SERVED, play(0.667, 20.2, 17.0, 0.7, boards=True)))
    assert "20.2 homes for each 1,000 visits in place of 20.1, 17.0 days" in days_alone
    worse = describe_boards((SERVED, play(0.667, 19.0, 22.0, 0.7, boards=True)))
    assert "19.0 homes for each 1,000 visits in place of 20.1" in worse


def test_a_difference_that_may_be_luck_is_called_none() -> None:
    within = play(0.667, 20.1 * 1.019, 22.0 * 0.96, 0.7, boards=True)
    assert describe_boards((SERVED, within)) == (
        "If every visitor answered a board, it would make no difference in the play: 20.1 homes"
        " for each 1,000 visits and 22.0 days of waiting"
    )


def test_nothing_is_said_of_asking_where_nothing_was_played() -> None:
    assert describe_boards(()) == ""
