"""Species and breeds of an animal, from the words for both."""

import re
from functools import lru_cache
from html import unescape
from itertools import combinations

from pawsonalize.domain.attributes import CAT, DOG, SPECIES_NAMES, species_id
from pawsonalize.domain.breeds import (
    FAMILIES,
    UNKNOWN_BREED,
    Breeds,
    breed_id,
    find_breed,
    read_breeds,
)
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.inventory.form import AnimalForm, flag, text

_UNSEEN = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_NEW_LINE = re.compile(r"<(?:br\b[^<>]*|/p|/div|/li)>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)


def without_markup(text: str | None) -> str | None:
    """The text that a browser would show: `<b>Tom</b> &amp; Max` is `Tom & Max`."""
    if text is None or ("<" not in text and "&" not in text):
        return text
    seen = _UNSEEN.sub(" ", unescape(text).replace("\N{NO-BREAK SPACE}", " "))
    return _TAG.sub("", _NEW_LINE.sub("\n", seen))


_OTHER_SPECIES = [one for one in SPECIES_NAMES if one not in {CAT, DOG}]


def read_species(form: AnimalForm) -> str:
    """The species' id. If the word says none (`OTHER`), the breed may: `RABBIT SH`.

    InvalidInput for an unknown word; numbers are ids of your own.
    """
    word = _plain(form.species, "species")
    found = species_id(word)
    if found in SPECIES_NAMES or found.isdecimal():
        return found
    breed = _plain(form.breed, "breed")
    if (named := _species_in(breed)) is not None:
        return named
    hint = f" (its breed is {breed!r})" if breed else ""
    known = ", ".join(SPECIES_NAMES.values())
    raise InvalidInput(
        f"species {word!r}{hint} is none that we know: write one of {known}, a number of your"
        " own, or map the value with --map",
        field="species",
    )


def read_form_breeds(form: AnimalForm, species: str) -> Breeds:
    """The breeds, for a species id."""
    first, second = _plain(form.breed, "breed"), _plain(form.secondary_breed, "secondaryBreed")
    found = read_breeds(species, first)
    if (species, found.primary) not in FAMILIES:
        found = _of_its_kind(form, species, first) or found
    secondary = breed_id(species, second) if second else found.secondary
    if secondary in {found.primary, UNKNOWN_BREED}:
        secondary = None
    mixed = True if secondary else found.mixed
    is_mixed = flag(form.mixed, "mixed")
    return Breeds(found.primary, secondary, mixed if is_mixed is None else is_mixed)


def _of_its_kind(form: AnimalForm, species: str, breed: str) -> Breeds | None:
    """`Guinea Pig` and `Rat` are species to some systems, which then write `Fancy` for a breed."""
    kind = _plain(form.species, "species")
    found = find_breed(species, f"{breed} {kind}") or find_breed(species, kind)
    return None if found is None else Breeds(found)


@lru_cache(maxsize=4_096)
def _species_in(breed: str) -> str | None:
    """The species that a breed's name says, cats and dogs apart; None if it says none, or two."""
    words = re.findall(r"\w+", breed)
    for start, end in sorted(combinations(range(len(words) + 1), 2), key=lambda s: s[0] - s[1]):
        found = species_id(" ".join(words[start:end]))
        if found in _OTHER_SPECIES:
            return found
    fitting = {
        species
        for species in _OTHER_SPECIES
        if (species, read_breeds(species, breed).primary) in FAMILIES
    }
    return fitting.pop() if len(fitting) == 1 else None


def _plain(value: str | int | None, field: str) -> str:
    return text(without_markup(value) if isinstance(value, str) else value, field)
