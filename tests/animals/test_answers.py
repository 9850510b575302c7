"""Answers, sizes and statuses as shelters write them."""

import pytest

from pawsonalize.animals.listings import read_status
from pawsonalize.core.attributes import read_answer, size_id


def test_an_answer_is_read_as_people_write_it(subtests: pytest.Subtests) -> None:
    for words, answer in {
        **dict.fromkeys(["yes", "1.0", "ja", "Sí", "oui", "sim", "Good", "VRAI", "waar"], "yes"),
        **dict.fromkeys(
            ["No", "0", "nein", "non", "nee", "no small children", "nao", "FALSCH"], "no"
        ),
        **dict.fromkeys(["-", "", "N/A", "not tested", "unbekannt", "?"], "unknown"),
        **dict.fromkeys(["Yes - loves them", "non connu", "no lo sé"], None),
        **dict.fromkeys(["some", "Yes - small dogs only", "Yes, with slow intro"], "selective"),
        **dict.fromkeys(
            [
                "no known issues",
                "no sabemos",
                "non testato",
                "não avaliado",
                "no probado",
                "purple",
            ],
            None,
        ),
    }.items():
        with subtests.test(words=words, answer=answer):
            assert read_answer(words) == answer


def test_only_older_children_is_a_no_for_who_may_have_small_ones(subtests: pytest.Subtests) -> None:
    for words in [
        "Yes - older kids only",
        "10+",
        "8 and up",
        "ab 10 Jahren",
        "teens",
        "no kids under 5",
    ]:
        with subtests.test(words=words):
            assert read_answer(words, about_children=True) == "no"
            assert [read_answer(one, about_children=True) for one in ("1", "1.0")] == ["yes", "yes"]


def test_a_weight_is_a_size(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, str]] = [
        *[("25 lbs", "1"), ("45 lbs", "2"), ("61 pounds", "3"), ("101lb", "4"), ("20 kg", "2")],
        *[("26-60 lbs", "2"), ("over 60 lbs", "3"), ("100+ lbs", "4"), ("12,5 kg", "2")],
        *[("Medium (26-60 lbs)", "2"), ("Large 45 lbs", "3"), ("-", "unknown"), ("3", "3")],
    ]
    for words, size in cases:
        with subtests.test(words=words, size=size):
            assert size_id(words, "2") == size


def test_a_cat_is_large_at_a_weight_at_which_a_dog_is_small() -> None:
    assert [size_id(f"{pounds} lbs", "1") for pounds in (6, 11, 16, 17)] == ["1", "2", "3", "4"]


def test_statuses_of_shelters_have_a_meaning(subtests: pytest.Subtests) -> None:
    for words, status in {
        **dict.fromkeys(["Foster", "In Foster", "Stray hold", "Available for foster"], "hold"),
        **dict.fromkeys(["Trial adoption", "Foster to adopt", "Adoption Pending"], "pending"),
        **dict.fromkeys(["Return to owner/adopter", "Euthanized", "Transferred"], "removed"),
        **dict.fromkeys(["Adoptable", "Available for adoption"], "available"),
    }.items():
        with subtests.test(words=words, status=status):
            assert read_status(words) == status
