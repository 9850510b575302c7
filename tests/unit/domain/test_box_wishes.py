"""A visitor's few words are read as rules, a household, breeds and words of records."""

from dataclasses import replace

import pytest

from pawsonalize.domain.animal_words import Vocabulary, read_words
from pawsonalize.domain.animals import Animal
from pawsonalize.domain.attributes import GoodWith
from pawsonalize.domain.wishes.box import AnimalWish, read_box
from tests.animal_data import animal


def one(group: str, name: str = "", **more: object) -> Animal:
    return replace(animal(name or group, group, name=name), **more)  # type: ignore[arg-type]


KITTEN = one("1-Domestic_Short_Hair-1-1", "Pip", sex="female", colours=("grey tabby",))
CAT = one("1-Siamese-2-4", "Tiger", sex="male", shelter="Second Chance San José")
PUPPY = one("2-Pit_Bull_Terrier-3-1", "Kitten", good_with_cats=GoodWith.NO)
LAB = one("2-Labrador_Retriever-4-3", "Zoë", colours=("black",), good_with_cats=GoodWith.YES)
STAFF = one("2-American_Staffordshire_Terrier-3-3", "Bo", house_trained=True, altered=True)
BEAGLE = one("2-Beagle-2-2", "Zoey", good_with_kids=GoodWith.YES, colours=("org",))
BUNNY = one("3-Lop-Eared-unknown-unknown", "Snow", description="Sleeps like a tiger.")
HAMSTER = one("4-Hamster-1-3", "Rex")
RAT_TERRIER = one("2-Rat_Terrier-1-3", "Al", bonded_unit="pair")
EVERYONE = (KITTEN, CAT, PUPPY, LAB, STAFF, BEAGLE, BUNNY, HAMSTER, RAT_TERRIER)
WORDS = {animal.animal_id: read_words(animal, animal.age) for animal in EVERYONE}


def fitting(wish: AnimalWish) -> list[str]:
    """The names of those who fit the whole wish, best first."""
    fits = {name: wish.fit(words) for name, words in WORDS.items()}
    levels = {name: fit[1] for name, fit in fits.items() if fit and wish.fits_whole(fit[0])}
    return sorted(levels, key=levels.__getitem__)


def test_words_find_whom_they_describe(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, list[str]]] = [
        ("kittens", ["Pip"]),
        ("puppies", ["Kitten"]),
        ("cats", ["Pip", "Tiger"]),
        ("bunnies", ["Snow"]),
        ("cat or rabbit", ["Pip", "Tiger", "Snow"]),
        ("pitbull", ["Kitten"]),
        ("Pit Bulls", ["Kitten"]),
        ("beagles", ["Zoey"]),
        ("dsh", ["Pip"]),
        ("black lab", ["Zoë"]),
        ("gray kitten", ["Pip"]),
        ("orange dog", ["Zoey"]),
        ("hound", ["Zoey"]),
        ("terrier", ["Kitten", "Bo", "Al"]),
        ("big dogs", ["Kitten", "Zoë", "Bo"]),
        ("old male cat", ["Tiger"]),
        ("girl kitten", ["Pip"]),
        ("2 year old dog", ["Zoey"]),
        ("San Jose", ["Tiger"]),
        ("a cat in san josé, please", ["Tiger"]),
        ("zoe", ["Zoë", "Zoey"]),
        ("tiger", ["Tiger", "Snow"]),
        ("hamsters", ["Rex"]),
        ("rat", []),
        ("bonded pair", ["Al"]),
        ("spayed dog", ["Bo"]),
        ("%", []),
        ("no words but these", []),
    ]
    for text, found in cases:
        with subtests.test(text=text, found=found):
            assert fitting(read_box(text)) == found


def test_phrases_of_a_household_are_read(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, list[str]]] = [
        ("good with cats", ["cats"]),
        ("cat-friendly dog", ["cats"]),
        ("dog for kids", ["kids"]),
        ("dog that likes other dogs and cats", ["dogs", "cats"]),
        ("a cat for a family with small children", ["kids"]),
        ("house-trained", ["house_trained"]),
        ("housebroken or litter box trained", ["house_trained"]),
        ("dog, no kids", []),
        ("not house trained", []),
        ("doesn't like cats", []),
        ("kittens and dogs", []),
    ]
    for text, household in cases:
        with subtests.test(text=text, household=household):
            assert read_box(text).household == household


def test_whoever_is_known_to_get_along_comes_first_and_nobody_who_is_known_not_to() -> None:
    assert fitting(read_box("dog good with cats")) == ["Zoë", "Bo", "Zoey", "Al"]


def test_a_word_in_a_name_does_not_make_a_dog_a_cat() -> None:
    assert "Kitten" not in fitting(read_box("kitten"))


def test_a_size_that_nobody_knows_is_not_the_one_that_is_wished() -> None:
    assert fitting(read_box("small rabbit")) == []


def test_one_typing_error_in_a_word_is_mended(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, str | None]] = [
        ("beegle", "beagle"),
        ("rabit", "rabbit"),
        ("a femal kiten", "a female kitten"),
        ("rotweiler", "rottweiler"),  # of which nobody is here
        ("labradro", "labrador"),
        ("cta", None),
        ("beagle", None),
        ("hairless", None),
        ("qwertz", None),
    ]
    for text, mended in cases:
        with subtests.test(text=text, mended=mended):
            assert read_box(text).suggest(Vocabulary(WORDS.values())) == mended


def test_of_two_likely_words_the_one_that_more_records_have_is_meant() -> None:
    few, many = one("2-Pug-1-1", "Bella"), one("2-Pug-1-1", "Della")
    records = [read_words(animal, animal.age) for animal in (few, many, many)]
    assert read_box("zella").suggest(Vocabulary(records)) == "della"


def test_who_fits_more_of_a_wish_has_more_points() -> None:
    wish = read_box("small grey husky")
    points = {name: fit[0] for name, words in WORDS.items() if (fit := wish.fit(words))}
    assert points["Pip"] > points["Al"] > points["Zoë"] > points["Tiger"] == 0
