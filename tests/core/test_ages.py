"""Age bands by birth date."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.attributes import AGES, BANDS, age_at, age_band_starts, age_id
from pawsonalize.core.times import DAY

SPECIES = st.sampled_from([*BANDS, "unicorn"])
BIRTHS = st.dates(date(1950, 1, 1), date(2099, 12, 31))


def moment(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp() * 1000)


def test_an_animal_grows_up_at_its_species_pace(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, tuple[int, int, int], str]] = [
        ("2", (2023, 12, 31), "1"),
        ("2", (2024, 1, 1), "2"),
        ("2", (2026, 1, 1), "3"),
        ("2", (2031, 1, 1), "4"),
        ("1", (2031, 1, 1), "3"),
        ("3", (2023, 7, 1), "2"),
    ]
    for species, day, age in cases:
        with subtests.test(species=species, day=day, age=age):
            assert age_at(species, date(2023, 1, 1), moment(*day)) == age


def test_who_was_born_on_a_leap_day_grows_on_the_last_of_february() -> None:
    assert age_at("2", date(2024, 2, 29), moment(2025, 2, 27)) == "1"
    assert age_at("2", date(2024, 2, 29), moment(2025, 2, 28)) == "2"


@given(SPECIES, BIRTHS)
def test_every_animal_passes_through_all_bands_in_order(species: str, born: date) -> None:
    moments, ages = zip(*age_band_starts(species, born), strict=True)
    assert ages == AGES
    assert list(moments) == sorted(set(moments))
    for start, age in age_band_starts(species, born):
        assert age_at(species, born, start) == age


@given(SPECIES, BIRTHS, st.integers(0, 60 * 365), st.integers(0, 60 * 365))
def test_nobody_grows_younger(species: str, born: date, one: int, other: int) -> None:
    start = age_band_starts(species, born)[0][0]
    first, last = sorted((one, other))
    assert age_at(species, born, start + first * DAY) <= age_at(species, born, start + last * DAY)


def test_words_for_ages_are_read() -> None:
    assert [age_id(word) for word in ("Kitten", "Young Adult", "SENIOR", "5")] == list("1245")


def test_ages_in_words_are_read_in_seven_languages(subtests: pytest.Subtests) -> None:
    ages = {
        "1": "10 weeks, 3 Monate, 8 Wochen, 3 semaines, 2 giorni, 6 mnd, under 1 year, <1 Jahr",
        "2": "2 Jahre 3 Monate, 2 ans et 3 mois, 2 años y 3 meses, 1.5 years, 18M, 2 anni, 2 jaar",
        "3": "ca. 5 Jahre, 4 anos, 3Y",
        "4": "~8 yo, 10 ans",
    }
    for age, words in ages.items():
        for word in [*words.split(", "), f"{words.split(', ')[0]} alt"]:
            with subtests.test(word=word):
                assert age_id(word, "2") == age
    assert age_id("1,5 Jahre", "2") == "2"
    assert age_id("3 of 4", "2") == "3_of_4"
