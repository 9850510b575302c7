"""Histories that are told of later."""

from itertools import pairwise, permutations

from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.domain.statuses import (
    STEPS,
    AnimalStatus,
    History,
    PastStay,
    StatusChange,
    with_stay,
)

AVAILABLE, ADOPTED, REMOVED = (
    AnimalStatus.AVAILABLE,
    AnimalStatus.ADOPTED,
    AnimalStatus.REMOVED,
)
CODES = {"a": AVAILABLE, "h": AnimalStatus.HOLD, "x": ADOPTED, "r": REMOVED} | {
    "b": AnimalStatus.RETURNED
}


def history(text: str) -> History:
    """`a1 x5`: available from 1 on, adopted at 5."""
    return tuple(StatusChange(CODES[one[0]], int(one[1:])) for one in text.split())


def written(changes: History) -> str:
    letters = {status: letter for letter, status in CODES.items()}
    return " ".join(f"{letters[change.status]}{change.at}" for change in changes)


def stay(text: str) -> PastStay:
    """`1-x5-7`: there since 1, adopted at 5, back since 7."""
    since, ending, back = [*text.split("-"), "", ""][:3]
    return PastStay(
        int(since) if since else None,
        history(ending)[0] if ending else None,
        int(back) if back else None,
    )


def told(*stays: str, known: str = "") -> str:
    changes = history(known)
    for one in stays:
        changes = with_stay(changes, stay(one))
    return written(changes)


def test_an_animal_was_there_earlier_than_was_known() -> None:
    assert told("1", known="a9") == "a1"
    assert told("1", known="h9") == "a1 h9"
    assert told("1", known="x9") == "a1 x9"
    assert told("12", known="a9") == "a9"


def test_a_stay_before_all_that_is_known_stands_before_it() -> None:
    assert told("1-x5", known="a9") == "a1 x5 b9 a9"
    assert told("1-r5", known="a9") == "a1 r5 a9"


def test_a_date_of_outcome_is_better_than_the_moment_it_was_missed() -> None:
    assert told("1-x5", known="a1 r7") == "a1 x5"
    assert told("1-x5", known="a1 h3 x7") == "a1 h3 x5"


def test_who_comes_back_was_returned() -> None:
    assert told("1-x5-7") == "a1 x5 b7 a7"
    assert told("1-x5", "7-x9") == "a1 x5 b7 a7 x9"
    assert told("1-x5", "7") == "a1 x5 b7 a7"
    assert told("1-r5", "7") == "a1 r5 a7"
    assert told("7", known="a1 x5 b9 a9") == "a1 x5 b7 a7"


def test_an_ending_without_a_beginning_ends_what_is_known() -> None:
    assert told("-x5", known="a1") == "a1 x5"
    assert told("-x5") == "x5"


def test_a_day_is_a_stay_too_and_the_next_may_begin_on_it() -> None:
    assert told("5-x5") == told("5-x5", "5-x5") == "a5 x5"
    assert told("1-x5", "5-x9") == told("5-x9", "1-x5") == "a1 x5 b5 a5 x9"


def test_movements_of_one_stay_may_be_told_in_any_order() -> None:
    movements = ("1-r3-6", "1-x7-9", "1-r10-11", "1-x12")
    assert {told(*order) for order in permutations(movements)} == {"a1 r3 a6 x7 b9 a9 r10 a11 x12"}


def test_who_was_in_foster_and_then_adopted_left_at_first() -> None:
    assert told("1-r3", "1-x7") == told("1-x7", "1-r3") == "a1 r3 x7"


MOMENTS = st.integers(1, 9)
STAYS = st.lists(
    st.builds(
        lambda since, days, ending, back: PastStay(
            since,
            None if ending is None else StatusChange(ending, since + days),
            None if ending is None or back is None else since + days + back,
        ),
        MOMENTS,
        st.integers(0, 5),
        st.sampled_from([None, ADOPTED, REMOVED]),
        st.none() | st.integers(0, 5),
    ),
    max_size=4,
)


@given(STAYS)
def test_every_history_is_one_that_may_be_and_repeats_itself(stays: list[PastStay]) -> None:
    changes: History = ()
    for one in stays:
        changes = with_stay(changes, one)
        assert with_stay(changes, one) == changes, written(changes)
        assert [change.at for change in changes] == sorted(change.at for change in changes)
        assert all(new.status in STEPS[old.status] for old, new in pairwise(changes))
        assert all(new.status is not old.status for old, new in pairwise(changes))
