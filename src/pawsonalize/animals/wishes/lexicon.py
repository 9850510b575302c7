"""The lexicon of wishes: words of texts, phrases that mean something, and typing errors."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pawsonalize.core import attributes
from pawsonalize.core.attributes import CAT
from pawsonalize.core.breed_spelling import DECORATIONS, plain_letters
from pawsonalize.core.breeds import BREED_WORDS, breeds_named, family_of, find_breed
from pawsonalize.core.late import late

if TYPE_CHECKING:
    from rapidfuzz import process
    from rapidfuzz.distance import OSA
else:
    process, OSA = late("rapidfuzz.process"), late("rapidfuzz.distance.OSA")


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


Meanings = frozenset[tuple[str, str]]
_LANGUAGES = ("english", "spanish", "german", "french", "portuguese", "italian", "dutch")
# Elisions (l'enfant) are words of their own; other apostrophes are part of a word.
_TOKEN = re.compile(
    r"(?:\b[dljnsmct]|\bqu|\bdell|\ball)['\u2019]|y/o\b|\d+(?:[.,]\d+)?|[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\S",
    re.IGNORECASE,
)
_RANGE = re.compile(r"-\s*\d")
_DIGRAPH = re.compile("([aou])e")  # umlauts as they are written without their keys: `Huendin`
# Words that German puts together: `Huskymix`, `Langhaarkatze`.
_COMPOUND = re.compile(r"(\w{3,}?)s?(mischlinge?|mix|hunde?|hundin|ruden?|katzen?|kater|welpen?)")
_COMMON = frozenset({("common", "words")})
_PLAIN = frozenset({"function", "common"})
_SHORTENED = frozenset({"max", "min", "ca", "approx", "yr", "yrs", "mo"})  # with a full stop
_LONGEST_BREED = 4  # words
_FEWEST_OF_FUNCTIONS = 5  # letters of a mended word that says how others are meant
SENTENCE_ENDS = frozenset(".;!?:()\n")
_NOT_OF_BREEDS = {attributes.CAT, attributes.DOG, attributes.RABBIT}


class Word(NamedTuple):
    """A word of a text, or a sign, as it is compared: in plain letters; and its place."""

    text: str
    start: int
    end: int


class Phrase(NamedTuple):
    """Some words of a text that mean something; without meanings, one word that does not."""

    text: str
    start: int
    end: int
    meanings: Meanings

    def values(self, part: str) -> frozenset[str]:
        """The values that it has of a part."""
        return frozenset(value for name, value in self.meanings if name == part)

    def does(self, function: str) -> bool:
        """True if it has this function."""
        return ("function", function) in self.meanings

    @property
    def is_unknown(self) -> bool:
        """True if it has no meaning here."""
        return self.meanings <= _COMMON


def words_of_text(text: str) -> list[Word]:
    """The words and signs of a text with their places."""
    found: list[Word] = []
    for match in _TOKEN.finditer(text):
        plain = re.sub("['\u2019/]", "", plain_letters(match[0])) or match[0]
        is_range = plain == "-" and _RANGE.match(text, match.start())
        is_short = plain == "." and found and found[-1].text in _SHORTENED
        if is_range or not (plain == "-" or is_short):
            found += [Word(part, match.start(), match.end()) for part in _parts(plain)]
    return found


@lru_cache(maxsize=16_384)
def _parts(word: str) -> tuple[str, ...]:
    parts, known = _COMPOUND.fullmatch(word), _vocabulary("german")
    shorter = _DIGRAPH.sub(r"\1", word)
    if shorter in known and not any(word in _vocabulary(one) for one in _LANGUAGES):
        return (shorter,)
    if parts is None or word in known or breeds_named(word):
        return (word,)
    return parts.groups() if parts[1] in known or breeds_named(parts[1]) else (word,)


Lexicon = Mapping[str, Meanings]


@cache  # not at import: most commands read no wish
def _table(language: str) -> Lexicon:
    path = Path(__file__).with_name("languages") / f"{language}.toml"
    found: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for part, table in tomllib.loads(path.read_text(encoding="utf-8")).items():
        for value, phrases in table.items():
            for phrase in phrases.split(","):
                found[" ".join(phrase.split())].add((part, value))
    return {phrase: frozenset(meanings) for phrase, meanings in found.items()}


def breed_facts(part: str, words: Iterable[str]) -> frozenset[str]:
    """The values that a fact has of breeds with these words in their names."""
    facts = _table("breeds")
    return frozenset(o for word in words for name, o in facts.get(word, ()) if name == part)


@cache
def lexicon(language: str) -> Lexicon:
    """The meanings of each phrase in a language; English words are used in every one."""
    return {**_table(_LANGUAGES[0]), **_table(language)}


@cache
def _vocabulary(language: str) -> frozenset[str]:
    return frozenset(word for phrase in _table(language) for word in phrase.split())


def language_of(words: Iterable[Word]) -> str:
    """The language that has most of the words, also together with English; else the first."""
    texts = {one for word in words for one in singulars(word.text)}
    english = texts & _vocabulary(_LANGUAGES[0])

    def share(language: str) -> tuple[int, int]:
        own = texts & _vocabulary(language)
        return len(own), len(own | english)

    return max(_LANGUAGES, key=share)


@cache
def mended_words(language: str) -> frozenset[str]:
    """The words to which typing errors are mended: breeds, and those of phrases."""
    found = {one for one in BREED_WORDS if len(one) > _FEWEST_LETTERS}
    for phrase, meanings in lexicon(language).items():
        is_alone = " " not in phrase and not all(part in _PLAIN for part, _ in meanings)
        fewest = _FEWEST_LETTERS if is_alone else _FEWEST_OF_FUNCTIONS
        if meanings != _COMMON:
            found |= {one for one in phrase.split() if len(one) >= fewest}
    return frozenset(found)


@cache
def _longest(language: str) -> Mapping[str, int]:
    """The number of words of the longest phrase that begins with a word."""
    found: dict[str, int] = {}
    for phrase in lexicon(language):
        words = phrase.split()
        found[words[0]] = max(len(words), found.get(words[0], 1))
    return found


def phrases_in(words: list[Word], *, breeds: bool = True) -> Iterator[Phrase]:
    """Cut a text into phrases, the longest that mean something first."""
    place, language = 0, language_of(words)
    longest, known = _longest(language), lexicon(language)
    while place < len(words):
        most = max(longest.get(words[place].text, 1), _LONGEST_BREED if breeds else 1)
        count, meanings = _read(words[place : place + most], known, breeds)
        first, last = words[place], words[place + count - 1]
        text = " ".join(word.text for word in words[place : place + count])
        yield Phrase(text, first.start, last.end, meanings)
        place += count


def meanings_of(text: str, part: str) -> frozenset[str]:
    """The values of one part that a text speaks of."""
    found = phrases_in(words_of_text(text), breeds=False)
    return frozenset().union(*(phrase.values(part) for phrase in found))


def _read(words: list[Word], known: Lexicon, breeds: bool) -> tuple[int, Meanings]:
    for count in range(len(words), 0, -1):
        texts = [word.text for word in words[:count]]
        if count > 1 and not all(one.isalnum() for one in texts):
            continue
        for last in singulars(texts[-1]):
            phrase = " ".join([*texts[:-1], last])
            if meanings := known.get(phrase):
                return count, meanings
        if breeds and count <= _LONGEST_BREED and (meanings := _attributes(texts)):
            return count, meanings
    return 1, frozenset()


def _attributes(texts: list[str]) -> Meanings:
    """Breeds and species by the tables that feeds use."""
    for last in singulars(texts[-1]):
        text = " ".join([*texts[:-1], last])
        if len(text) < 3 or any(one.isdigit() for one in text):
            continue
        named = breeds_named(text)
        is_name = any(texts[0] in one.lower() for one in named.values())  # `standard schnauzer`
        if texts[0] in DECORATIONS and not is_name and named == breeds_named(" ".join(texts[1:])):
            named = {}  # each word has a meaning of its own: `black lab`
        species = attributes.species_id(text)
        if species in _NOT_OF_BREEDS or text == attributes.SPECIES_NAMES.get(species):
            named = {}  # a bunny is any rabbit, but a hamster is no rat
        if named:
            marks = {f"{kind}/{breed}" for kind, breed in named.items()}
            marks |= {text} if " " not in text else set()  # any terrier is a terrier
            return frozenset(("breed", mark) for mark in marks)
        if species in attributes.SPECIES_NAMES:
            return frozenset({("species", species)})
    return frozenset()


@lru_cache(maxsize=16_384)
def values_in(text: str, part: str) -> frozenset[str]:
    """The values of one part that a short text speaks of, such as a record's `black, BLK/tan`."""
    words = words_in(text)
    return meanings_of(" ".join(words), part)


def colours_in(text: str) -> frozenset[str]:
    """The colours and patterns that a text names, in the words of `english.toml`."""
    return values_in(text, "colour")


@cache
def designer_breeds() -> Mapping[frozenset[str], str]:
    """The designer breeds by the words of their parts."""
    return {
        frozenset(parts.split()): name
        for parts, meanings in _table("designer").items()
        for _, name in meanings
    }
