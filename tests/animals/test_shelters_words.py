"""The words of shelters for species, sizes, sexes, ages and statuses, in seven languages."""

import tomllib
from pathlib import Path

import pytest

from pawsonalize.animals.animal import AnimalStatus
from pawsonalize.animals.listings import read_status
from pawsonalize.core.attributes import age_id, read_answer, read_sex, size_id, species_id

WORDS: dict[str, dict[str, list[str]]] = tomllib.loads(
    Path(__file__).with_name("words.toml").read_text(encoding="utf-8")
)
STATUSES = ("available", "pending", "hold", "adopted", "returned", "removed")


@pytest.mark.parametrize("language", WORDS)
def test_a_feed_may_be_in_the_language_of_its_shelter(language: str) -> None:
    words = WORDS[language]
    assert [species_id(one) for one in words["species"]] == [*"12345678"]
    assert [size_id(one) for one in words["sizes"]] == [*"1234"]
    assert [(read_sex(one) or ("",))[0] for one in words["sexes"]] == ["male", "female"]
    assert [age_id(one) for one in words["ages"]] == [*"1234"]
    assert [read_status(one) for one in words["statuses"]] == [
        AnimalStatus(one) for one in STATUSES
    ]
    assert [read_answer(one) for one in words["answers"]] == ["yes", "no"]


def test_a_sex_may_say_in_any_language_that_an_animal_is_altered() -> None:
    for word in (
        "weiblich kastriert",
        "Hembra esterilizada",
        "Femelle, stérilisée",
        "F (castrata)",
    ):
        assert read_sex(word) == ("female", True)
    for word in ("Rüde unkastriert", "mâle non castré", "reu, niet gecastreerd"):
        assert read_sex(word) == ("male", False)
    for word in ("male and female", "Hund kastriert", "weiblich oder männlich, kastriert"):
        assert read_sex(word) is None
