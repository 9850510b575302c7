from dataclasses import replace
from itertools import product
from xml.etree import ElementTree as ET

import pytest

from pawsonalize.site.portraits import Portrait, coat_of, draw, ears_of
from tests.adoption_site import NOW, REX

COLOURS = (
    "black and white",
    "black and tan",
    "white and black",
    "gray tabby",
    "brindle",
    "calico",
    "tortoiseshell",
    "tricolour",
    "seal point",
    "agouti",
    "no such colour",
)


@pytest.mark.parametrize("species", ["1", "2", "3", "4"])
def test_every_animal_gets_a_well_formed_drawing(species: str) -> None:
    breeds = (
        "Lionhead",
        "Lop-Eared",
        "Scottish_Fold",
        "Poodle",
        "Pug",
        "Corgi",
        "Akita",
        "Sphynx",
        "Other",
    )
    for breed, colour, age in product(breeds, COLOURS, "1345"):
        drawing = ET.fromstring(draw(Portrait(species, breed, "2", age, colour, 1)))
        assert drawing.tag == "{http://www.w3.org/2000/svg}svg"


def test_what_a_shelter_writes_never_enters_the_drawing() -> None:
    hostile = '"/><script>alert(1)</script>'
    drawing = draw(Portrait("2", hostile, hostile, hostile, hostile, 0))
    assert drawing == draw(Portrait("2", "Other", "2", "2", "unknown", 0))


def test_an_animal_looks_the_same_on_every_visit() -> None:
    group = REX.group_at(NOW)
    assert Portrait.of(REX, group).path == Portrait.of(replace(REX), group).path


def test_the_most_telling_word_of_a_breed_decides_about_the_ears() -> None:
    breeds = ("Scottish_Terrier", "Rat_Terrier", "Beagle", "French_Bulldog", "Miniature_Poodle")
    drawn = [ears_of("dog", breed) for breed in breeds]
    assert drawn == ["pointed", "folded", "floppy", "bat", "curly"]


def test_colour_words_choose_the_markings(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, str]] = [
        ("black and white", "blaze"),
        ("black and tan", "points"),
        ("white and black", "spots"),
        ("orange tabby", "stripes"),
        ("seal point and white", "mask"),
        ("golden", "plain"),
    ]
    for colour, marking in cases:
        with subtests.test(colour=colour, marking=marking):
            assert coat_of(colour).marking == marking


@pytest.mark.parametrize(
    ("breed", "colour", "marking"),
    [
        ("Siberian_Husky", "", "blaze"),
        ("Alaskan_Malamute", "gray", "blaze"),
        ("Siberian_Husky", "black and tan", "blaze"),
        ("Sphynx", "gray tabby", "bare"),
        ("Pug", "", "plain"),
    ],
)
def test_huskies_have_a_mask_and_a_sphynx_no_fur(breed: str, colour: str, marking: str) -> None:
    assert coat_of(colour, breed).marking == marking
