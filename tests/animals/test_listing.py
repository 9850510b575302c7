"""Values as shelters write them, and records."""

from dataclasses import fields

import pytest

from pawsonalize.animals.animal import Animal
from pawsonalize.animals.listings import (
    FIELDS,
    MOST,
    AnimalForm,
    read_known,
    read_listing,
    unrecognised,
)
from pawsonalize.core.breeds import family_of
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.times import DAY
from tests.event_data import T0


def listed(**told: object) -> Animal:
    form = AnimalForm(id="a", **{"species": "dog", **told})  # type: ignore[arg-type]
    return read_listing(form, T0).animal


def test_sizes_are_read_in_words(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, str]] = [
        ("KITTN", "1"),
        ("TOY", "1"),
        ("SMALL", "1"),
        ("MED", "2"),
        ("Medium (26-60 lbs)", "2"),
        ("LARGE", "3"),
        ("X-LRG", "4"),
        ("groß", "3"),
        ("PUPPY", "unknown"),
        ("2", "2"),
        ("", "unknown"),
    ]
    for word, size in cases:
        with subtests.test(word=word, size=size):
            assert listed(size=word).size == size


def test_ages_are_read_in_words(subtests: pytest.Subtests) -> None:
    cases: list[tuple[dict[str, str], str]] = [
        ({"age": "Puppy"}, "1"),
        ({"age": "10 months"}, "1"),
        ({"age": "2 years"}, "2"),
        ({"age": "3 Years 2 Months Old"}, "3"),
        ({"age": "9y"}, "4"),
        ({"size": "PUPPY"}, "1"),
        ({"size": "1"}, "unknown"),
        ({"age": "Adult", "size": "PUPPY"}, "3"),
    ]
    for told, age in cases:
        with subtests.test(told=told, age=age):
            assert listed(**told).age == age


def test_a_sex_often_says_whether_an_animal_is_altered(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, str, bool | None]] = [
        ("M", "male", None),
        ("Neutered Male", "male", True),
        ("Spayed Female", "female", True),
        ("Intact Female", "female", False),
        ("hembra", "female", None),
        ("U", "unknown", None),
    ]
    for word, sex, altered in cases:
        with subtests.test(word=word, sex=sex, altered=altered):
            animal = listed(sex=word)
            assert (animal.sex, animal.altered) == (sex, altered)
            assert listed(sex=word, altered=True).altered is True, "what is told by itself counts"


def test_species_are_read_in_words_and_where_these_say_none_in_the_breeds(
    subtests: pytest.Subtests,
) -> None:
    cases: list[tuple[str, str, str, str]] = [
        ("KITTN", "DOMESTIC SH", "1", "dsh"),
        ("Domestic Rabbit", "Lionhead", "3", "rabbit"),
        ("OTHER", "RABBIT SH", "3", "rabbit"),
        ("OTHER", "GUINEA PIG", "4", "guinea_pig"),
        ("OTHER", "GOAT/BOER", "8", "livestock"),
        ("OTHER", "CHICKEN", "8", "poultry"),
        ("OTHER", "LOP-HOLLAND", "3", "rabbit"),
        ("Rat", "Dumbo", "4", "other_small"),
        ("Guinea Pig", "Other", "4", "guinea_pig"),
    ]
    for species, breed, found, family in cases:
        with subtests.test(species=species, breed=breed, found=found):
            animal = listed(species=species, breed=breed)
            assert animal.species == found
            assert family_of(animal.species, animal.breed) == family


def test_a_species_that_nobody_knows_is_refused_with_the_way_out() -> None:
    with pytest.raises(InvalidInput, match=r"species 'OTHER' \(its breed is 'BAT'\).*--map"):
        listed(species="OTHER", breed="BAT")
    assert listed(species="9").species == "9", "ids of your own are numbers"


def test_who_is_yet_to_be_born_is_refused_with_the_date() -> None:
    with pytest.raises(InvalidInput, match="birthDate 2031-01-01 lies in the future"):
        listed(birth_date="2031-01-01")
    with pytest.raises(InvalidInput, match="not '13/45/2020'"):
        listed(birth_date="13/45/2020")


def test_texts_of_web_pages_are_read_as_a_browser_shows_them() -> None:
    animal = listed(
        name="<b>Tom</b> &amp; Max",
        breed="<i>Beagle</i>",
        description="Loves&nbsp;walks.<br>I <3 him<script>alert(1)</script>",
    )
    assert (animal.name, animal.breed) == ("Tom & Max", "Beagle")
    assert animal.description.split() == ["Loves", "walks.", "I", "<3", "him"]
    assert "\n" in animal.description


def test_a_return_counts_without_an_outcome_and_not_before_its_day() -> None:
    assert listed(returned_at=T0 - DAY).listed_at == T0 - DAY
    with pytest.raises(InvalidInput, match=r"returnedAt .* lies in the future"):
        listed(outcome_at=T0 - DAY, returned_at=T0 + DAY)


@pytest.mark.parametrize(
    ("text", "fee"),
    [("$1,200", 1200), ("1,234.50", 1234.5), ("85,00 €", 85), ("12,5", 12.5), ("n/a", None)],
)
def test_a_comma_is_between_thousands_or_before_decimals(text: str, fee: float | None) -> None:
    assert listed(fee=text).fee == fee


def test_a_value_that_cannot_be_stored_is_named_as_far_as_it_can() -> None:
    form = AnimalForm(id="a", species="dog", size="x\u0000" * 300, name="Rex\u0000", age=0)
    unknown = list(unrecognised(form))
    listing, odd = read_known(form, T0, unknown)
    assert (listing.animal.size, listing.animal.name, odd) == ("unknown", "", [])
    assert [(name, value[:3]) for name, value in unknown] == [
        ("size", "x x"),
        ("age", "0"),
        ("name", "Rex"),
    ]


def test_what_is_not_known_is_named_as_it_is_written() -> None:
    form = AnimalForm(
        id="a", species="dog", breed="Zyx Qqq", size="whopping", age="ancient", sex="both"
    )
    assert list(unrecognised(form)) == [
        ("breed", "Zyx Qqq"),
        ("size", "whopping"),
        ("age", "ancient"),
        ("sex", "both"),
    ]
    known = AnimalForm(id="a", species="dog", breed="Large mix", size="unknown", sex="u")
    assert not list(unrecognised(known))


def test_a_value_that_no_field_takes_is_refused_by_the_name_of_its_field() -> None:
    known = {field.name for field in fields(Animal)} - {"reports", "history"}
    combined = {"species", "breed", "secondary_breed", "mixed", "size", "age", "sex", "altered"}
    names = {name: sent for sent, name in FIELDS.items() if name in known - combined}
    assert len(names) > 15
    for name, sent in names.items():
        value = "x" * 21_000
        with pytest.raises(InvalidInput) as refused:
            listed(**{name: [value] if sent in MOST else value})
        assert refused.value.field == sent
