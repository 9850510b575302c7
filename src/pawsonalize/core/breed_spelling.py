"""Breed names as shelters spell them: shortened (`GERM SH POINT`), turned round or misspelt."""

import re
import unicodedata
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pawsonalize.core.late import late
from pawsonalize.core.words import by_word

if TYPE_CHECKING:
    from rapidfuzz import process
    from rapidfuzz.distance import OSA
else:
    process, OSA = late("rapidfuzz.process"), late("rapidfuzz.distance.OSA")

Words = tuple[str, ...]

# Least share of letters that must agree. `tests/core/test_breed_spelling.py` measures it:
# 89% of names with one error are found, 1 in 8,000 as another family; at 0.90 only 67% are found.
LIKE_ENOUGH = 0.85
_CLEARLY_BEST = 0.06  # so much more alike than any other breed
_FEWEST_LETTERS = 6  # shorter words are too like others: Boxer, Boer

_COATS, _COAT_WORDS = by_word("coats", "~{}".format), by_word("coat_words", "~{}".format)
_HAIR = frozenset({"hair", "haired", "hairs", "hiar", "har", "hr", "coat", "coated"})
_LONG_COAT_WORDS = [word for word in _COAT_WORDS if len(word) > 7]

_SHORT_FORMS = by_word("short_forms", str)
DECORATIONS = frozenset(by_word("decorations", str))
"""Words that say nothing of the breed, unless a breed has them in its name."""


# A rule takes a name only if one breed alone fits it, and never across coat lengths.
def plain_letters(text: str) -> str:
    """The text in lower case and without accents."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def words_of(text: str) -> Words:
    """The words of a name: lower case, no accents, short forms written out, coats as one word."""
    plain = plain_letters(text)
    found: list[str] = []
    words = re.findall(r"[^\W_]+", plain.replace("'", ""))
    for word in words:
        if word in _HAIR and found and found[-1] in _COATS:
            found[-1] = _COATS[found[-1]]
        elif word in _HAIR and found and found[-1].startswith("~"):
            continue
        else:
            full = _COAT_WORDS.get(_coat_word(word)) or _SHORT_FORMS.get(word, word)
            found += full.split()
    return tuple(found)


def _coat_word(word: str) -> str:
    """The word for a coat that a word is with one error (`shorhair`), else the word itself."""
    # Shorter words are too like others, and each look-up compares with all long ones.
    if len(word) < 7 or word in _COAT_WORDS:
        return word
    alike = process.extractOne(
        word, _LONG_COAT_WORDS, scorer=OSA.normalized_similarity, score_cutoff=LIKE_ENOUGH
    )
    return word if alike is None else alike[0]


@dataclass(frozen=True, slots=True)
class _Name:
    words: Words
    coats: frozenset[str]
    letters: str
    breed: str


class Spelling:
    """The names of one species' breeds, found by what shelters write for them."""

    def __init__(self, names: Mapping[str, str], by_coat: AbstractSet[str] = frozenset()) -> None:
        """`names` are the breeds by name; those `by_coat` are told apart by the coat alone."""
        self._by_coat = by_coat
        read = [(words_of(name), breed) for name, breed in names.items()]
        self._names = [
            _Name(words, _coats(words), "".join(_without_coat(words)), breed)
            for words, breed in read
        ]
        self._sorted: dict[Words, str | None] = {}
        for name in self._names:
            key = tuple(sorted(name.words))
            first_breed = self._sorted.setdefault(key, name.breed)
            if first_breed != name.breed:
                self._sorted[key] = None  # two breeds: it says nothing

    def find(self, text: str) -> str | None:
        """The one breed that a text may name; None if there is none, or more."""
        words = words_of(text)
        bare = tuple(word for word in words if word not in DECORATIONS)
        breed = self._find_words(words) or (self._find_words(bare) if bare != words else None)
        if breed is None and _coats(words):
            breed = self._find_words(_without_coat(bare)) or self._find_words(_without_coat(words))
            if breed in self._by_coat:
                return None
        return breed

    def _find_words(self, words: Words) -> str | None:
        """The one breed by the first rule that finds one: in any order, shortened, misspelt."""
        if not words:
            return None
        return (
            self._sorted.get(tuple(sorted(words)))
            or self._shortened(words)
            or self._misspelt(words)
            or self._within(words)
        )

    def _shortened(self, words: Words) -> str | None:
        """The one breed of whose name each word is short for the word at its place."""
        if len(words) == 1 and len(words[0]) < 5:
            return None
        fitting = {
            name.breed
            for name in self._names
            if len(name.words) == len(words)
            and all(
                _is_short_for(word, whole, len(words) == 1)
                for word, whole in zip(words, name.words, strict=True)
            )
        }
        return fitting.pop() if len(fitting) == 1 else None

    def _misspelt(self, words: Words) -> str | None:
        coats, letters = _coats(words), "".join(_without_coat(words))
        if len(letters) < _FEWEST_LETTERS:
            return None
        names = [name for name in self._names if name.coats == coats and name.letters]
        likeness: dict[str, float] = {}
        alike = process.extract(
            letters,
            [name.letters for name in names],
            scorer=OSA.normalized_similarity,
            score_cutoff=LIKE_ENOUGH - _CLEARLY_BEST,
            limit=None,
        )
        for _letters, score, place in alike:
            breed = names[place].breed
            likeness[breed] = max(score, likeness.get(breed, 0.0))
        best = sorted(likeness.items(), key=lambda one: -one[1])
        if not best or best[0][1] < LIKE_ENOUGH:
            return None
        if len(best) > 1 and best[0][1] - best[1][1] < _CLEARLY_BEST:
            return None
        return best[0][0]

    def _within(self, words: Words) -> str | None:
        """The one breed whose whole name is among the words; the longest name counts."""
        present = frozenset(words)
        inside = [
            name
            for name in self._names
            if len(name.words) > 1
            and present.issuperset(name.words)
            and name.coats == _coats(words)
            and not DECORATIONS.issuperset(name.words)
        ]
        longest = max((len(name.words) for name in inside), default=0)
        breeds = {name.breed for name in inside if len(name.words) == longest}
        return breeds.pop() if len(breeds) == 1 else None


def _is_short_for(word: str, whole: str, alone: bool) -> bool:
    """True if `word` abbreviates `whole`; a word that stands `alone` needs its first half."""
    if word == whole:
        return True
    if word.startswith("~") or len(word) < 3:
        return False
    if alone:
        return whole.startswith(word) and 2 * len(word) >= len(whole)
    if whole.startswith(word):
        return True
    letters = iter(whole)
    return word[0] == whole[0] and all(letter in letters for letter in word)


def _coats(words: Words) -> frozenset[str]:
    return frozenset(word for word in words if word.startswith("~"))


def _without_coat(words: Words) -> Words:
    return tuple(word for word in words if not word.startswith("~"))
