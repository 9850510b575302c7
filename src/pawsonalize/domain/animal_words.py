"""The words of animals' records, as a search compares them, and the mending of typing errors."""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pawsonalize.late import late

if TYPE_CHECKING:
    from rapidfuzz import process
    from rapidfuzz.distance import OSA
else:
    process, OSA = late("rapidfuzz.process"), late("rapidfuzz.distance.OSA")

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.attributes import CAT
from pawsonalize.domain.breed_spelling import plain_letters
from pawsonalize.domain.breeds import BREED_WORDS, family_of, find_breed

_FEWEST_LETTERS = 4  # shorter words are too like others: cat, bat
_FEWEST_LETTERS_OF_BREEDS = 6  # of which nobody is here
_SPELT = {
    **dict.fromkeys(("tort", "tortie", "torty", "torti"), "tortoiseshell"),
    "gray": "grey",
    "tricolor": "tricolour",
    "blk": "black",
    "brn": "brown",
    "org": "orange",
    "choc": "chocolate",
    "wht": "white",
}


def words_in(text: str) -> list[str]:
    """The words of a text: lower case, without accents, colours spelt in one way."""
    words = re.findall(r"[^\W_]+", re.sub("['\u2019]", "", plain_letters(text)))
    return [_SPELT.get(word, word) for word in words]


def singulars(word: str) -> list[str]:
    """A word and what it may be the plural of."""
    endings = {"ies": "y", "es": "", "s": ""}
    shorter = [word.removesuffix(old) + new for old, new in endings.items() if word.endswith(old)]
    return [word, *(one for one in shorter if len(one) > 2)]


def pad(words: Iterable[str]) -> str:
    """The words with a space before and after each."""
    return f" {' '.join(words)} "


class AnimalWords(NamedTuple):
    """Words of a record; facts are plain or marked: `=ages:1`, `2/Beagle`, `2:beagle`, `name:a`."""

    species: str
    facts: str
    story: str


def read_words(animal: Animal, age: str) -> AnimalWords:
    """Read a record; `age` is the age band at this moment."""
    trained = {True: "yes", False: "no", None: "unknown"}[animal.house_trained]
    marks = {
        "species": animal.species,
        "ages": age,
        "sizes": animal.size,
        "sexes": animal.sex,
        "house_trained": trained,
        "kids": animal.good_with_kids,
        "dogs": animal.good_with_dogs,
        "cats": animal.good_with_cats,
    }
    more = {
        "mix mixed": animal.mixed or animal.secondary_breed,
        "bonded pair": animal.bonded_unit,
        "spayed neutered": animal.altered,
        "special needs": animal.special_needs,
    }
    facts_in_words = (
        animal.shelter,
        animal.coat,
        *animal.colours,
        *(one for one in more if more[one]),
    )
    name = words_in(animal.name)
    facts = [f"={mark}:{value}" for mark, value in marks.items()]
    facts += [*name, *(f"name:{word}" for word in name), *words_in(" ".join(facts_in_words))]
    for breed in filter(None, (animal.breed, animal.secondary_breed)):
        facts += breed_marks(animal.species, breed)
    return AnimalWords(animal.species, pad(facts), pad(words_in(animal.description)))


@lru_cache(maxsize=16_384)
def breed_marks(species: str, name: str) -> tuple[str, ...]:
    """Marks of a breed, `2/Beagle` and `2:beagle`, and the words of its names and its family."""
    found, family = find_breed(species, name.replace("_", " ")) or name, family_of(species, name)
    general = family if family and family.isalpha() and species != CAT else ""
    plain = words_in(f"{name} {found} {general}")
    return (f"{species}/{found}", *(f"{species}:{word}" for word in plain), *plain)


class Vocabulary:
    """The words that records have as facts, counted when a word is first mended."""

    def __init__(self, records: Collection[AnimalWords]) -> None:
        self._records = records

    @cached_property
    def _counts(self) -> Counter[str]:
        words = (word for one in self._records for word in set(one.facts.split()))
        return Counter(word for word in words if word.isalnum())

    def has(self, word: str) -> bool:
        """True if a record has the word, also in its description."""
        return word in self._counts or word in self._described

    @cached_property
    def _described(self) -> frozenset[str]:
        return frozenset(word for one in self._records for word in one.story.split())

    def mend(self, word: str, preferred: frozenset[str]) -> str | None:
        """The likeliest word one typing error away, `preferred` first; None if it needs none."""
        breeds = BREED_WORDS if len(word) >= _FEWEST_LETTERS_OF_BREEDS else frozenset()
        choices = preferred.union(self._counts, breeds)
        if word in choices or len(word) < _FEWEST_LETTERS:
            return None
        alike = process.extract(word, choices, scorer=OSA.distance, score_cutoff=1, limit=None)
        ranked = [(one not in preferred, -self._counts[one], one) for one, *_ in alike]
        return min(ranked)[-1] if ranked else None
