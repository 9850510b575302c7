"""The words of animals' records, as a search compares them, and the mending of typing errors."""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from pawsonalize.core.late import late

if TYPE_CHECKING:
    from rapidfuzz import process
    from rapidfuzz.distance import OSA
else:
    process, OSA = late("rapidfuzz.process"), late("rapidfuzz.distance.OSA")

from pawsonalize.core.attributes import CAT
from pawsonalize.core.breed_spelling import plain_letters
from pawsonalize.core.breeds import BREED_WORDS, family_of, find_breed

_FEWEST_LETTERS = 4  # shorter words are too like others: cat, bat
_FEWEST_LETTERS_OF_BREEDS = 6  # of which nobody is here


def words_in(text: str) -> list[str]:
    """The words of a text: lower case, without accents."""
    return re.findall(r"[^\W_]+", re.sub("['\u2019]", "", plain_letters(text)))


def _single(word: str) -> str:
    """The word without doubled letters."""
    # Many people forget or add one: `agresive`.
    return re.sub(r"(.)\1", r"\1", word)


def singulars(word: str) -> list[str]:
    """A word, what it may be the plural of, and `puppy` of `puppie`."""
    endings = {"ies": "y", "ie": "y", "es": "", "s": ""}
    shorter = [word.removesuffix(old) + new for old, new in endings.items() if word.endswith(old)]
    return [word, *(one for one in shorter if len(one) > 2)]


@lru_cache(maxsize=16_384)
def breed_marks(species: str, name: str) -> tuple[str, ...]:
    """Marks of a breed, `2/Beagle`, `2+hound`, `2:beagle`, and words of its names and family."""
    found, family = find_breed(species, name.replace("_", " ")) or name, family_of(species, name)
    general = family if family and family.isalpha() and species != CAT else ""
    plain = words_in(f"{name} {found} {general}")
    own = (f"{species}/{found}", family_mark(species, name))
    return (*own, *(f"{species}:{word}" for word in plain), *plain)


def family_mark(species: str, breed: str) -> str:
    """The mark of all breeds of one family, or of the one breed that has none: `2+hound`."""
    return f"{species}+{family_of(species, breed) or breed}"


class Vocabulary:
    """The words that records have as facts, with how many have each, and those of descriptions."""

    def __init__(self, counts: Mapping[str, int], described: Collection[str] = ()) -> None:
        self._facts = counts
        self._described = described

    @property
    def counts(self) -> Mapping[str, int]:
        """About how many records have each word as a fact."""
        return self._facts

    def has(self, word: str) -> bool:
        """True if a record has the word, also in its description."""
        return word in self.counts or word in self._described

    def mend(self, word: str, preferred: Mapping[str, bool]) -> str | None:
        """The likeliest word one typing error away; None if it needs none.

        `preferred` words come first, and among them those that are said to mean something alone.
        """
        breeds = BREED_WORDS if len(word) >= _FEWEST_LETTERS_OF_BREEDS else frozenset()
        choices = {*preferred, *self.counts, *breeds}
        if word in choices or len(word) < _FEWEST_LETTERS:
            return None
        # The distance counts two letters that changed places as one error.
        alike = process.extract(word, choices, scorer=OSA.distance, score_cutoff=1, limit=None)
        likely = {one for one, *_ in alike} or {o for o in preferred if _single(o) == _single(word)}
        # Of what is as near, letters that changed places are likelier than another letter, and what
        # more records have is likelier meant.
        letters = sorted(word)
        ranked = [
            (
                *(one not in preferred, not preferred.get(one), sorted(one) != letters),
                *(-self.counts.get(one, 0), one),
            )
            for one in likely
        ]
        return str(min(ranked)[-1]) if ranked else None
