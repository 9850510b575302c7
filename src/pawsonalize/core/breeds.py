"""Breeds: from what a shelter writes to the breed a group is made of, and the breed's family."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from pawsonalize.core.attributes import CAT, SPECIES_NAMES
from pawsonalize.core.breed_spelling import DECORATIONS, Spelling, plain_letters, words_of
from pawsonalize.core.groups import AnimalGroup

UNKNOWN_BREED = "Unknown"
_COAT_FAMILIES = frozenset({"dsh", "dmh", "dlh"})
_LONGEST_NAME = 80  # characters; what is longer is a description
_SEPARATORS = re.compile(r"\s*(?:[/,&+;|()]|\s-\s|\b(?:x|and|with|cross|mix)\b)\s*", re.IGNORECASE)
_MIX_WORDS = re.compile(
    r"\b(?:mix|mixed|cross|crossbreed|x|mestiz[oa]|cruce|mischling|meticci[oa]|kreuzung)\b",
    re.IGNORECASE,
)
_FILLER = re.compile(r"\b(?:mix|mixed|cross|purebred|type|breed|unknown)\b", re.IGNORECASE)
TABLE = Path(__file__).with_name("breed_names.txt").read_text(encoding="utf-8")
Trait = tuple[str, str]
"""The species that the trait belongs to, empty for the species itself, and its value."""
SPECIES = "species"


@dataclass(frozen=True, slots=True)
class Breeds:
    """The breeds of one animal: ids as they stand in groups; `mixed` is None if not known."""

    primary: str
    secondary: str | None = None
    mixed: bool | None = None


@lru_cache(maxsize=16_384)
def read_breeds(species: str, text: str) -> Breeds:
    """Breeds that a text names (`Lab / Beagle mix`); an unknown name stays, with `_` for spaces."""
    if (whole := find_breed(species, text)) is not None:
        return Breeds(whole, mixed=True if _MIX_WORDS.search(text) else None)
    named = [breed_id(species, part) for part in _parts(text) if not _says_nothing(species, part)]
    distinct = list(dict.fromkeys(name for name in named if name != UNKNOWN_BREED))
    distinct.sort(key=lambda name: (species, name) not in FAMILIES)  # those we know come first
    if len(distinct) > 1:
        return Breeds(distinct[0], distinct[1], mixed=True)
    mixed = True if _MIX_WORDS.search(text) else None
    if not distinct and mixed:
        distinct = [find_breed(species, "mix") or UNKNOWN_BREED]
    return Breeds(distinct[0] if distinct else UNKNOWN_BREED, mixed=mixed)


def breed_id(species: str, text: str) -> str:
    """The id of the one breed a text names; an unknown name is its own id, `_` for spaces."""
    breed = find_breed(species, text)
    if breed is not None:
        return breed
    words = " ".join(text.replace("_", " ").split())
    return words.replace(" ", "_") or UNKNOWN_BREED


@lru_cache(maxsize=16_384)
def find_breed(species: str, text: str) -> str | None:
    """The breed of the table that a text names as a whole, however it is spelt; None if none is."""
    for reading in _readings(text):
        if (breed := _BREEDS.get((species, _key(reading)))) is not None:
            return breed
    # Several names are no misspelt one, and a long text takes long to compare.
    if species not in SPECIES_NAMES or len(_parts(text)) > 1 or len(text) > _LONGEST_NAME:
        return None
    return _spelling(species).find(text)


def breeds_named(text: str) -> dict[str, str]:
    """The breed of each species that the table has under exactly this name, by species."""
    key = _key(text)
    found = {species: _BREEDS.get((species, key)) for species in SPECIES_NAMES}
    return {species: breed for species, breed in found.items() if breed}


@lru_cache(maxsize=16_384)
def family_of(species: str, breed: str) -> str | None:
    """Family of a breed, by its last word if the table lacks it (`Bohemian Terrier`), or None."""
    name = breed.replace("_", " ")
    found = find_breed(species, name)
    if found is None and species != CAT and name.split():  # a cat's last word may be its colour
        found = find_breed(species, name.split()[-1])
    return None if found is None else FAMILIES[species, found]


def _readings(text: str) -> Iterator[str]:
    yield text
    plain = _FILLER.sub(" ", text)
    yield plain
    last, comma, first = plain.partition(",")
    # `Retriever, Golden`
    if comma:
        yield f"{first} {last}"
    yield re.sub(r"\b(?:dog|cat|rabbit)\b", " ", plain, flags=re.IGNORECASE)


def _parts(text: str) -> list[str]:
    return [part for part in _SEPARATORS.split(text) if _key(_FILLER.sub(" ", part))]


def _says_nothing(species: str, part: str) -> bool:
    return DECORATIONS.issuperset(words_of(part)) and find_breed(species, part) is None


def _key(text: str) -> str:
    return "".join(letter for letter in plain_letters(text) if letter.isalnum())


def _read_table(text: str) -> Iterator[tuple[str, str, str, list[str]]]:
    species = family = ""
    for line in text.strip().replace("\n    ", " ").splitlines():
        if line.startswith("#"):
            continue
        if line.endswith(":"):
            species, family = line.removesuffix(":").split()
            continue
        name, _, others = line.partition(" = ")
        yield species, family, name.replace(" ", "_"), others.split(",") if others else []


_BREEDS: Mapping[tuple[str, str], str] = {
    (species, _key(name)): breed
    for species, _, breed, others in _read_table(TABLE)
    for name in (breed, *others)
}
BREED_WORDS = frozenset(
    word for _, _, breed, _ in _read_table(TABLE) for word in breed.lower().split("_")
)
FAMILIES: Mapping[tuple[str, str], str] = {
    (species, breed): family for species, family, breed, _ in _read_table(TABLE)
}


@cache  # not at import: most commands read no breed
def _spelling(species: str) -> Spelling:
    names = {
        name: breed
        for breed_species, _, breed, others in _read_table(TABLE)
        for name in (breed.replace("_", " "), *others)
        if breed_species == species
    }
    by_coat = {
        breed
        for (breed_species, breed), family in FAMILIES.items()
        if breed_species == CAT and family in _COAT_FAMILIES
    }
    return Spelling(names, by_coat if species == CAT else frozenset())


# Traits within a species, as likes for small cats say nothing of dogs. No family: its own.
TRAITS: Mapping[str, Callable[[AnimalGroup], Trait]] = {
    SPECIES: lambda group: ("", group.species),
    "breed": lambda group: (group.species, group.breed),
    "family": lambda group: (group.species, family_of(group.species, group.breed) or group.breed),
    "size": lambda group: (group.species, group.size),
    "age": lambda group: (group.species, group.age),
}


@lru_cache(maxsize=65_536)
def traits_of(item: str) -> tuple[tuple[str, Trait], ...]:
    """The traits of an animal group by its id, in the order of `TRAITS`; none of another item."""
    group = AnimalGroup.parse(item)
    return () if group is None else tuple((name, read(group)) for name, read in TRAITS.items())
