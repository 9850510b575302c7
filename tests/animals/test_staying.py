"""What is told of stays, on its way into the inventory."""

import pytest

from pawsonalize.animals.inventory import Inventory
from pawsonalize.animals.listings import AnimalForm, read_listing
from pawsonalize.animals.tables.animals import Animals, Availability
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.times import DAY, iso
from pawsonalize.reports.report import waits_of
from tests.event_data import T0


def told(animals: Animals, now: int = T0, /, **fields: object) -> str:
    """Take an animal `a` as told in days from T0; what its history is then, in days as well."""
    moments = {
        name: iso(T0 + day * DAY) if isinstance(day, int) else day for name, day in fields.items()
    }
    form = AnimalForm(id="a", species="dog", breed="Poodle", **moments)  # type: ignore[arg-type]
    Inventory(animals).put([read_listing(form, now)], now, now)
    animal = animals.get("a")
    assert animal is not None
    return " ".join(f"{one.status}{(one.at - T0) // DAY}" for one in animal.history)


def test_an_animal_is_listed_since_its_intake(animals: Animals) -> None:
    assert told(animals, intake_at=-30) == "available-30"


def test_an_intake_that_is_told_later_moves_the_listing_back(
    animals: Animals, availability: Availability
) -> None:
    assert told(animals) == "available0"
    assert availability.count(T0 - DAY) == {}
    assert told(animals, T0 + DAY, intake_at=-30) == "available-30"
    assert sum(availability.count(T0 - DAY).values()) == 1
    assert told(animals, T0 + 2 * DAY, listed_at=-20) == "available-30"


def test_a_past_stay_counts_as_a_wait_and_in_the_supply(
    animals: Animals, availability: Availability
) -> None:
    assert told(animals, listed_at=-30, outcome_at=-10, outcome="Adoption") == (
        "available-30 adopted-10"
    )
    animal = animals.get("a")
    assert animal is not None
    (wait,) = waits_of(animal, T0)
    assert (wait.days, wait.ending) == (20, "adopted")
    assert [sum(availability.count(T0 + day * DAY).values()) for day in (-31, -30, -11, -10)] == [
        0,
        1,
        1,
        0,
    ]


def test_a_later_date_of_outcome_mends_the_supply(
    animals: Animals, availability: Availability
) -> None:
    told(animals, T0 - 30 * DAY)
    assert told(animals, status="removed") == "available-30 removed0"
    assert told(animals, T0 + DAY, outcome_at=-5, outcome="adopted") == "available-30 adopted-5"
    assert availability.count(T0 - DAY) == {}


def test_who_is_listed_now_keeps_its_status_when_its_past_is_told(animals: Animals) -> None:
    told(animals)
    assert told(animals, listed_at=-30, outcome_at=-10, outcome="adoption", status="adopted") == (
        "available-30 adopted-10 returned0 available0"
    )


def test_an_outcome_without_a_date_is_as_old_as_its_telling(animals: Animals) -> None:
    assert told(animals, listed_at=-9, outcome="Euthanize") == "available-9 removed0"


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("ADOPTION", "adopted"),
        ("Adopted - Offsite", "adopted"),
        ("Return to Owner/Guardian", "removed"),
        ("RTOS", "removed"),
        ("EUTHANIZE", "removed"),
        ("Escaped/Stolen", "removed"),
        ("", "removed"),
    ],
)
def test_outcomes_are_read_as_shelters_write_them(animals: Animals, word: str, status: str) -> None:
    assert told(animals, listed_at=-9, outcome_at=-2, outcome=word) == f"available-9 {status}-2"


def test_what_cannot_have_been_is_refused_with_its_value(
    animals: Animals, subtests: pytest.Subtests
) -> None:
    cases: list[tuple[dict[str, object], str]] = [
        ({"outcome_at": 1}, "in the future"),
        ({"listed_at": -1, "outcome_at": -2}, "before the intake"),
        ({"listed_at": -3, "outcome_at": -2, "returned_at": -3}, "before outcomeAt"),
        ({"outcome_at": -2, "outcome": "Abducted"}, "'Abducted'.*write adopted"),
        ({"outcome_at": "soon"}, "not soon"),
    ]
    for fields, message in cases:
        with (
            subtests.test(fields=fields, message=message),
            pytest.raises(InvalidInput, match=message),
        ):
            told(animals, **fields)
