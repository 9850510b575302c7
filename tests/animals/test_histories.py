"""Histories that are told of later."""

from itertools import pairwise, permutations
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.animals.animal import (
    STEPS,
    Animal,
    AnimalStatus,
    History,
    Reports,
    StatusChange,
    weave,
    with_report,
)
from pawsonalize.core.times import DAY

AVAILABLE, ADOPTED, REMOVED = (AnimalStatus.AVAILABLE, AnimalStatus.ADOPTED, AnimalStatus.REMOVED)
CODES = {"a": AVAILABLE, "h": AnimalStatus.HOLD, "x": ADOPTED, "r": REMOVED} | {
    "b": AnimalStatus.RETURNED
}


def history(text: str) -> History:
    """`a1 x5`: available from day 1 on, adopted on day 5."""
    return tuple(StatusChange(CODES[one[0]], int(one[1:]) * DAY) for one in text.split())


def written(changes: History) -> str:
    letters = {status: letter for letter, status in CODES.items()}
    return " ".join(f"{letters[change.status]}{change.at // DAY}" for change in changes)


def report(text: str) -> History:
    """`1-x5-7`: there since day 1, adopted on day 5, back since day 7."""
    since, ending, back = [*text.split("-"), "", ""][:3]
    return history(" ".join((f"a{since}" * bool(since), ending, f"a{back}" * bool(back))))


def woven(*reports: str, known: str = "", is_one_file: bool = True) -> tuple[str, list[str]]:
    """The history after these reports, and what they contradict."""
    changes, fresh = history(known), set[History]()
    kept: Reports = ()
    for one in map(report, reports):
        changes, kept = with_report(changes, kept, one, fresh)
        if is_one_file:
            fresh.add(one)
    again = changes, kept
    for one in map(report, reports):
        assert with_report(*again, one) == again, "to report it again changes nothing"
    return written(changes), [odd.in_words() for odd in weave(changes, kept)[1]]


def told(*reports: str, known: str = "") -> str:
    return woven(*reports, known=known)[0]


def test_an_animal_was_there_earlier_than_was_known() -> None:
    assert told("1", known="a9") == "a1"
    assert told("1", known="h9") == "a1 h9"
    assert told("1", known="x9") == "a1 x9"


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


def test_who_came_back_and_left_on_one_day_is_away() -> None:
    assert told("1-r3-6", "1-x6") == told("1-x6", "1-r3-6") == "a1 r3 a6 x6"
    assert told("1-x5", "5-r5") == "a1 x5 b5 a5 r5"
    assert told("1-r5-5", "1-r5", "1-r3-5") == "a1 r3 a5 r5 a5 r5"
    assert told("1-x5-5", "1-x5-9", "1-r12") == "a1 x5 b5 a5 x5 b9 a9 r12"


def test_who_left_and_came_back_on_one_day_is_there() -> None:
    for order in permutations(("1-x5", "5-x5", "5")):
        assert told(*order) == "a1 x5 b5 a5 x5 b5 a5", order


def test_a_later_file_ends_the_stay_that_was_open_in_an_earlier_one() -> None:
    assert woven("5", "5-x5", is_one_file=False)[0] == "a5 x5"


def test_a_stay_that_begins_before_the_last_one_is_known_to_have_ended_counts() -> None:
    assert told("9", "12", "9-x10") == told("12", "9-x10") == "a9 x10 b12 a12"


def test_who_comes_in_twice_left_in_between_and_that_is_said() -> None:
    assert woven("1", "7") == (
        "a1 r7 a7",
        ["it came in on 1970-01-08, but it had been available since 1970-01-02 and had not left"],
    )
    assert woven("1-x5", "1-r9") == (
        "a1 x5",
        ["it was removed on 1970-01-10, but it had been adopted since 1970-01-06 and had not come"
         " back"],
    )  # fmt: skip
    assert woven("1-r3-6", "1-x7-9", "1-r10")[1] == []


def test_what_meant_nothing_at_first_is_not_forgotten() -> None:
    assert told("1-x5", "1-x5-6", known="a1 r7") == "a1 x5 b6 a6 r7"


def test_a_history_of_before_reports_were_kept_is_mended_by_the_next_import() -> None:
    assert told("1-r3-6", "1-x6", known="a1 r3 a6") == "a1 r3 a6 x6"
    assert told("1-x5", known="a1 x5 b9 a9") == "a1 x5 b9 a9"
    assert told("9", known="a1 h1 x5 b9") == "a1 h1 x5 b9 a9", "all of the first day is kept"


DAYS = st.lists(st.integers(0, 2), min_size=1, max_size=7)


@given(DAYS, st.booleans(), st.booleans(), st.randoms(use_true_random=False))
def test_the_end_is_that_of_the_latest_fact(
    gaps: list[int], is_by_movement: bool, has_returns: bool, random: Random
) -> None:
    """Whichever way a shelter writes its rows: in, out, in, out, …, some on one day."""
    moments = [sum(gaps[: place + 1]) for place in range(len(gaps))]
    pairs = [moments[place : place + 3] for place in range(0, len(moments), 2)]
    rows = []
    for came, *rest in pairs:
        out = f"-{random.choice('xr')}{rest[0]}" if rest else ""
        back = f"-{rest[1]}" if len(rest) > 1 and (is_by_movement or has_returns) else ""
        if not is_by_movement or out or len(pairs) == 1:
            rows.append(f"{moments[0] if is_by_movement else came}{out}{back}")
    random.shuffle(rows)
    changes = history(told(*rows))
    is_there = len(moments) % 2 == 1
    assert (changes[-1].status is AVAILABLE) == is_there, (rows, written(changes))
    if is_there:
        animal = Animal(animal_id="a", species="2", breed="Poodle", history=changes)
        assert animal.listed_at == moments[-1] * DAY, (rows, written(changes))
        assert animal.first_listed_at == moments[0] * DAY


MOMENTS = st.integers(1, 9)
REPORTS = st.lists(
    st.builds(
        lambda since, days, ending, back: history(
            f"a{since}"
            + (f" {ending}{since + days}" if ending else "")
            + (f" a{since + days + back}" if ending and back is not None else "")
        ),
        MOMENTS,
        st.integers(0, 5),
        st.sampled_from(["", "x", "r"]),
        st.none() | st.integers(0, 5),
    ),
    max_size=4,
)


@given(REPORTS)
def test_every_history_is_one_that_may_be_and_repeats_itself(rows: list[History]) -> None:
    changes: History = ()
    kept: Reports = ()
    for one in rows:
        changes, kept = with_report(changes, kept, one)
        assert with_report(changes, kept, one) == (changes, kept), written(changes)
        assert weave(changes, kept)[0] == changes, written(changes)
        assert [change.at for change in changes] == sorted(change.at for change in changes)
        assert all(new.status in STEPS[old.status] for old, new in pairwise(changes))
        assert all(new.status is not old.status for old, new in pairwise(changes))


@given(REPORTS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows: list[History], random: Random) -> None:
    def after(some: list[History]) -> History:
        changes: History = ()
        kept: Reports = ()
        for one in some:
            changes, kept = with_report(changes, kept, one, frozenset(rows))
        return changes

    assert after(rows) == after(random.sample(rows, len(rows)))
