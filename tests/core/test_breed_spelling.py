"""Breeds as municipal systems spell them, and what must not be taken for a breed."""

import random
from collections import Counter, defaultdict
from string import ascii_lowercase

import pytest

from pawsonalize.core.breeds import FAMILIES, TABLE, family_of, find_breed, read_breeds
from pawsonalize.core.breeds import _read_table as read_table

CAT, DOG = "1", "2"


def test_cats_are_known_as_shelters_write_them(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, str]] = [
        ("DOMESTIC SH", "Domestic_Short_Hair"),
        ("DOMESTIC MH", "Domestic_Medium_Hair"),
        ("DOMESTIC LH/MIX", "Domestic_Long_Hair"),
        ("AMER SH", "American_Shorthair"),
        ("DSH", "Domestic_Short_Hair"),
        ("DLH BROWN TABBY", "Domestic_Long_Hair"),
        ("Domestic Shorthair Mix", "Domestic_Short_Hair"),
        ("Domestc Shorhair", "Domestic_Short_Hair"),
        ("MAINE COON LH", "Maine_Coon"),
        ("Europäisch Kurzhaar", "Domestic_Short_Hair"),
        ("Europeo", "Domestic_Short_Hair"),
    ]
    for text, breed in cases:
        with subtests.test(text=text, breed=breed):
            assert read_breeds(CAT, text).primary == breed


def test_dogs_are_known_as_shelters_write_them(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, str, str | None]] = [
        ("GERM SHEPHERD", "German_Shepherd_Dog", None),
        ("GERM SH POINT", "German_Shorthaired_Pointer", None),
        ("LABRADOR RETR / MIX", "Labrador_Retriever", None),
        ("AMERICAN PIT BULL TER", "Pit_Bull_Terrier", None),
        ("AM PIT BULL TER/CHIHUAHUA SH", "Pit_Bull_Terrier", "Chihuahua"),
        ("Chihuahua Shorthair/Labrador Retriever", "Chihuahua", "Labrador_Retriever"),
        ("SIBERIAN HUSKY X", "Siberian_Husky", None),
        ("POODLE STND", "Standard_Poodle", None),
        ("ENG SPRNGR SPAN", "English_Springer_Spaniel", None),
        ("BLACK/TAN HOUND/MIX", "Black_and_Tan_Coonhound", None),
        ("Yellow Lab", "Labrador_Retriever", None),
        ("Rotweiler", "Rottweiler", None),
        ("Pastor Alemán", "German_Shepherd_Dog", None),
        ("Mestizo de Labrador", "Labrador_Retriever", None),
        ("Schäferhund-Mischling", "German_Shepherd_Dog", None),
        ("LARGE MIX", "Mixed_Breed", None),
        ("Xyzzy/Beagle mix", "Beagle", "Xyzzy"),
    ]
    for text, breed, second in cases:
        with subtests.test(text=text, breed=breed, second=second):
            found = read_breeds(DOG, text)
            assert (found.primary, found.secondary) == (breed, second)


@pytest.mark.parametrize("text", ["Tabby LH", "DOMESTIC WH", "EUROPEAN WH"])
def test_a_cat_is_never_taken_for_one_of_another_coat(text: str) -> None:
    assert find_breed(CAT, text) is None
    assert family_of(CAT, read_breeds(CAT, text).primary) is None


NO_BREED = (
    "UNKNOWN, BLACK, grey, Brindle, white/brown, male, stray, see notes, dangerous "
    "dog, community, feral, litter of 5, dead on arrival, wildlife, large, not "
    "specified, n/a, Bella, Max, Luna, raccoon, bat"
)


def test_words_that_name_no_breed_stay_unknown(subtests: pytest.Subtests) -> None:
    for species in [CAT, DOG]:
        for text in NO_BREED.split(", "):
            with subtests.test(species=species, text=text):
                assert find_breed(species, text) is None
                assert family_of(species, read_breeds(species, text).primary) is None


def test_a_name_is_never_of_another_species() -> None:
    assert find_breed(DOG, "DOMESTIC SH") is None
    assert find_breed(CAT, "GERM SHEPHERD") is None
    assert find_breed("3", "Siamese") is None


def test_a_breed_out_of_the_table_is_of_its_last_words_family() -> None:
    assert read_breeds(DOG, "Bohemian Terrier").primary == "Bohemian_Terrier"
    assert family_of(DOG, "Bohemian_Terrier") == "terrier"


def test_nine_names_in_ten_with_a_typing_error_are_found_and_none_is_taken_for_another() -> None:
    draw = random.Random(7)
    found: Counter[str] = Counter()
    for species, name, breed in _long_names():
        given = find_breed(species, _with_an_error(name, draw))
        if given is None:
            found["none"] += 1
        elif FAMILIES[species, given] == FAMILIES[species, breed]:
            found["right"] += 1
        else:
            found["wrong"] += 1
    assert found.total() > 800
    assert found["right"] / found.total() > 0.85
    assert found["wrong"] == 0


def test_errors_in_a_coat_make_no_cat_of_another_coat() -> None:
    draw = random.Random(11)
    names: dict[str, list[str]] = defaultdict(list)
    for species, name, breed in _long_names():
        if species == CAT and len(name) > 8 and FAMILIES[CAT, breed] in {"dsh", "dmh", "dlh"}:
            names[FAMILIES[CAT, breed]].append(name)
    assert {*names} == {"dsh", "dmh", "dlh"}
    for family, of_coat in names.items():
        for name in of_coat:
            for _ in range(20):
                given = _with_an_error(_with_an_error(name, draw), draw)
                found = find_breed(CAT, given)
                assert found is None or FAMILIES[CAT, found] == family, given


def _long_names() -> list[tuple[str, str, str]]:
    return [
        (species, name.strip(), breed)
        for species, _, breed, others in read_table(TABLE)
        for name in (breed.replace("_", " "), *others)
        if species in {CAT, DOG} and len(name.strip()) >= 6
    ]


def _with_an_error(name: str, draw: random.Random) -> str:
    """One letter left out, put in, changed, or two turned round."""
    place = draw.choice([n for n, letter in enumerate(name) if letter.isalpha()])
    before, letter, after = name[:place], name[place], name[place + 1 :]
    new = draw.choice(ascii_lowercase)
    return draw.choice(
        [before + after, before + new + letter + after, before + new + after,
         before + after[:1] + letter + after[1:]]
    )  # fmt: skip
