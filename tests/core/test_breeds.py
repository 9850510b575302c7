"""From what shelters write to breeds and families."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.attributes import species_id
from pawsonalize.core.breeds import FAMILIES, TABLE, Breeds, breed_id, family_of, read_breeds
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.plugins.demo.stock import BREEDS


def test_breeds_are_known_by_many_names(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, Breeds]] = [
        ("Lab / Beagle Mix", Breeds("Labrador_Retriever", "Beagle", mixed=True)),
        ("Retriever, Labrador", Breeds("Labrador_Retriever")),
        ("Australian Cattle Dog / Blue Heeler", Breeds("Australian_Cattle_Dog")),
        ("pit bull & boxer [mix]", Breeds("Pit_Bull_Terrier", "Boxer", mixed=True)),
        ("Pitbull mix", Breeds("Pit_Bull_Terrier", mixed=True)),
        ("St. Bernard x Poodle", Breeds("Saint_Bernard", "Poodle", mixed=True)),
        ("mix", Breeds("Mixed_Breed", mixed=True)),
        ("Terrier (Unknown Type, Small)", Breeds("Terrier")),
        ("shih-tzu", Breeds("Shih_Tzu")),
        ("Löwchen", Breeds("Lowchen")),
        ("Flying Fox Hound", Breeds("Flying_Fox_Hound")),
        ("", Breeds("Unknown")),
    ]
    for text, breeds in cases:
        with subtests.test(text=text, breeds=breeds):
            assert read_breeds("2", text) == breeds


def test_one_name_may_be_another_breed_of_another_species() -> None:
    assert breed_id("1", "Abyssinian") == "Abyssinian"
    assert breed_id("4", "Abyssinian Guinea Pig") == "Abyssinian_Guinea_Pig"
    assert family_of("3", "Rex") == "rabbit"
    assert family_of("1", "Rex") is None


def test_a_few_hundred_breeds_are_known_each_by_names_of_its_own() -> None:
    assert len(FAMILIES) > 400
    names = [name for line in TABLE.splitlines() for name in line.split(" = ")[:1]]
    assert "" not in [name.strip() for name in names[1:]]
    for species, breed in FAMILIES:
        assert breed_id(species, breed.replace("_", " ")) == breed


def test_the_demo_worlds_breeds_are_of_the_table() -> None:
    for breed in BREEDS:
        assert family_of(breed.species, breed.name) == breed.family


@given(st.sampled_from("12345678"), st.text(st.characters(exclude_categories=["C"]), max_size=60))
def test_any_text_makes_a_breed_a_group_can_have_and_reading_it_again_changes_nothing(
    species: str, text: str
) -> None:
    breed = breed_id(species, text)
    group = AnimalGroup(species, breed, "2", "3")
    assert AnimalGroup.parse(group.id) == group
    assert breed_id(species, breed.replace("_", " ")) == breed


@pytest.mark.parametrize(
    ("text", "species"),
    [("Dogs", "2"), ("kitten", "1"), ("Guinea Pig", "4"), ("Small & Furry", "4"), ("2", "2")],
)
def test_species_are_known_by_many_words(text: str, species: str) -> None:
    assert species_id(text) == species
