from datetime import date

import pytest

from pawsonalize.core.attributes import GoodWith
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.site import words


@pytest.mark.parametrize(
    ("size", "age", "said"),
    [
        ("1", "1", "baby · small"),
        ("2", "2", "young · medium"),
        ("3", "3", "adult · large"),
        ("4", "4", "senior · extra large"),
        ("9", "x", "age x · size 9"),
    ],
)
def test_ages_and_sizes_are_said_in_words(size: str, age: str, said: str) -> None:
    assert words.age_and_size(AnimalGroup("2", "Pug", size, age)) == said


def test_a_breed_is_written_with_spaces() -> None:
    assert words.breed("Saint_Bernard") == "Saint Bernard"


def test_a_group_is_named_by_breed_age_and_size() -> None:
    assert words.group_in_words("2-Shar-Pei-3-2") == "Shar-Pei, young · large"


def test_an_item_of_no_known_form_is_shown_by_its_id() -> None:
    assert words.group_in_words("movie 42") == "movie 42"


@pytest.mark.parametrize(("known", "said"), [("selective", "selective"), ("unknown", "not known")])
def test_not_known_is_an_answer_of_its_own(known: str, said: str) -> None:
    assert words.good_with(GoodWith(known)) == said


@pytest.mark.parametrize(
    ("born", "said"),
    [
        (date(2026, 11, 1), "2 weeks"),
        (date(2026, 8, 20), "2 months"),
        (date(2025, 11, 20), "11 months"),
        (date(2025, 11, 19), "1 year"),
        (date(2023, 9, 1), "3 years, 2 months"),
        (date(2027, 1, 1), "0 weeks"),
    ],
)
def test_an_age_is_as_exact_as_the_day_of_birth(born: date, said: str) -> None:
    assert words.exact_age(born, date(2026, 11, 19)) == said


@pytest.mark.parametrize(("amount", "said"), [(0.0, "none"), (1250.0, "1,250"), (12.5, "12.50")])
def test_a_fee_is_written_as_money(amount: float, said: str) -> None:
    assert words.fee(amount) == said


@pytest.mark.parametrize(
    ("days", "said"), [(-1, "since today"), (0, "since today"), (1, "1 day"), (34, "34 days")]
)
def test_a_wait_is_counted_in_days(days: int, said: str) -> None:
    assert words.waiting(days) == said


@pytest.mark.parametrize(
    ("elapsed", "said"),
    [
        (-5, "just now"),
        (59_999, "just now"),
        (60_000, "1 min ago"),
        (HOUR, "1 h ago"),
        (3 * DAY + HOUR, "3 d ago"),
    ],
)
def test_the_past_is_told_roughly(elapsed: int, said: str) -> None:
    assert words.ago(elapsed) == said


def test_an_event_type_of_the_sites_own_is_shown_as_it_is() -> None:
    assert (words.deed("favorite"), words.deed("shared")) == ("Favourited", "shared")


def test_what_a_visitor_did_is_said_whatever_the_site_calls_it() -> None:
    told = ("view", "DetailView", "Un-Favorite", "Boop")
    assert [words.deed(one) for one in told] == ["Viewed", "Viewed", "Not for you", "Boop"]
