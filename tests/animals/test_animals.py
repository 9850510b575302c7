"""An animal's status, group and stays as time goes by."""

from dataclasses import replace
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.animals.animal import FOREVER, Animal, AnimalStatus, StatusChange, Stay, revise
from pawsonalize.core.times import DAY
from tests.animal_data import animal

BIRTHDAY = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1000)
PUP = animal("a1", listed=BIRTHDAY - 100, born=date(2023, 1, 1))


def test_an_animal_is_available_until_the_moment_of_its_adoption() -> None:
    rex = animal("a1", listed=10, adopted=20)
    assert [rex.was(at) for at in (9, 10, 19, 20)] == [None, "available", "available", "adopted"]
    assert [rex.is_available(at) for at in (9, 10, 19, 20)] == [False, True, True, False]


def test_an_animal_changes_group_as_it_grows_and_its_past_group_stays() -> None:
    assert PUP.group_at(BIRTHDAY - 1).id == "2-Beagle-2-1"
    assert PUP.group_at(BIRTHDAY).id == "2-Beagle-2-2"
    assert next(PUP.stays()) == Stay("2-Beagle-2-1", BIRTHDAY - 100, BIRTHDAY)


def test_without_a_birth_date_the_age_is_as_told() -> None:
    assert replace(PUP, born=None).group_at(BIRTHDAY).id == "2-Beagle-2-3"


@st.composite
def histories(draw: st.DrawFn) -> Animal:
    moments = sorted(draw(st.sets(st.integers(0, 2_000), min_size=1, max_size=8)))
    changes = [StatusChange(draw(st.sampled_from(AnimalStatus)), BIRTHDAY + at) for at in moments]
    return replace(PUP, history=tuple(changes))


@given(histories(), st.integers(0, 2_500))
def test_the_stays_say_when_it_is_available_and_in_which_group(one: Animal, at: int) -> None:
    moment = BIRTHDAY + at
    there = [stay for stay in one.stays() if stay.since <= moment < stay.until]
    assert [stay.item_id for stay in there] == (
        [one.group_at(moment).id] if one.is_available(moment) else []
    )


@given(histories(), histories(), st.integers(-1, 2_500), st.integers(-1, 2_500))
def test_a_change_leaves_the_past_as_it_was(old: Animal, new: Animal, cut: int, at: int) -> None:
    edge, moment = BIRTHDAY + cut, BIRTHDAY + at
    told = revise(tuple(old.stays()), tuple(new.stays()), edge)
    valid = old if moment < edge else new
    there = [stay.item_id for stay in told if stay.since <= moment < stay.until]
    assert there == [stay.item_id for stay in valid.stays() if stay.since <= moment < stay.until]


def test_a_stay_that_goes_on_is_one() -> None:
    stay = Stay("x", 5)
    assert revise([stay], [stay], 9) == (stay,)
    assert revise([stay], [Stay("y", 5)], 9) == (Stay("x", 5, 9), Stay("y", 9, FOREVER))


def test_an_animal_waits_since_it_became_available_last() -> None:
    """An adoption ends a wait. A hold and an application do not: the animal stays in care."""
    steps = ["hold", "available", "pending", "available", "adopted", "returned", "available"]
    history = tuple(
        StatusChange(AnimalStatus(status), day * DAY) for day, status in enumerate(steps)
    )
    animal = Animal(animal_id="a", species="2", breed="Poodle", history=history)
    assert animal.first_listed_at == 0
    assert [animal.waits_since(day * DAY) // DAY for day in range(7)] == [0, 1, 1, 1, 1, 1, 6]
    assert (animal.listed_at, animal.waiting_days(9 * DAY)) == (6 * DAY, 3)
