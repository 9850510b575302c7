"""Animal groups and their item ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.groups import AnimalGroup

_LETTERS = st.characters(codec="utf-8", exclude_categories=("C", "Z"))
_PARTS = st.integers(0, 10**9) | st.text(_LETTERS, min_size=1, max_size=20).filter(
    lambda text: "-" not in text
)
_WORDS = st.text(_LETTERS | st.sampled_from("- "), min_size=1, max_size=60)
_BREEDS = _WORDS.map(str.strip).filter(bool) | st.integers()


@given(_PARTS, _BREEDS, _PARTS, _PARTS)
def test_a_group_is_read_back_from_its_id_whatever_the_breed(
    species: object, breed: object, size: object, age: object
) -> None:
    group = AnimalGroup.of(species, breed, size, age)
    assert AnimalGroup.parse(group.id) == group


@given(st.integers(0), st.integers(), st.integers(0), st.integers(0))
def test_integers_and_their_digits_make_the_same_group(
    species: int, breed: int, size: int, age: int
) -> None:
    digits = AnimalGroup.of(str(species), str(breed), str(size), str(age))
    assert AnimalGroup.of(species, breed, size, age) == digits


@pytest.mark.parametrize(
    ("item_id", "breed"),
    [
        ("2-Saint_Bernard-3-2", "Saint_Bernard"),
        ("1-Maine Coon-2-3", "Maine Coon"),
        ("2-Jack-Russell-1-1", "Jack-Russell"),
        ("2---1-1", "-"),
    ],
)
def test_only_the_breed_may_have_hyphens(item_id: str, breed: str) -> None:
    group = AnimalGroup.parse(item_id)
    assert group is not None
    assert (group.breed, group.id) == (breed, item_id)


def test_other_text_is_no_group(subtests: pytest.Subtests) -> None:
    for text in ["", "-", "a", "1-2-3", "-b-1-1", "1--1-1", "1-b--1", "1-b-1-"]:
        with subtests.test(text=text):
            assert AnimalGroup.parse(text) is None


@given(st.text())
def test_whatever_is_parsed_has_the_text_as_its_id(text: str) -> None:
    group = AnimalGroup.parse(text)
    assert group is None or group.id == text


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ((-1, "Beagle", 2, 3), "animalMetadata.animal_species_id"),
        ((2, None, 2, 3), "animalMetadata.animal_primary_breed_id"),
        ((2, "Beagle", "2-3", 3), "animalMetadata.animal_size_id"),
        ((2, "Beagle", 2, True), "animalMetadata.animal_age_id"),
        ((2, "x" * 251, 2, 3), "animalMetadata"),
    ],
)
def test_a_bad_attribute_is_refused_by_its_name(parts: tuple[object, ...], field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        AnimalGroup.of(*parts)
    assert refusal.value.field == field
