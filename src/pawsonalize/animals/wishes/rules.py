"""Rules of a wish: how an animal's facts fit each, and its words on a chip.

An unknown answer is None: it neither fits nor excludes. Facts come first, the description is asked
for traits ("calm"), and for what the record leaves open of a household, by the lexicon of wishes.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pawsonalize.animals.animal import UNKNOWN, Animal
from pawsonalize.animals.written import (
    HOUSEHOLD,
    NO,
    TRAITS,
    YES,
    WrittenFacts,
    read_written,
)
from pawsonalize.core import attributes
from pawsonalize.core.attributes import BANDS, CAT, GoodWith
from pawsonalize.core.breed_spelling import DECORATIONS, plain_letters
from pawsonalize.core.breeds import BREED_WORDS, breeds_named, family_of, find_breed
from pawsonalize.core.late import late
from pawsonalize.core.times import SECOND

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
_COMPOUND = re.compile(r"(\w{3,}?)s?(mischlinge?|mix|hunde?|katzen?|kater|welpen?)")
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


def joined(words: Iterable[str]) -> str:
    """The words as one list in prose."""
    *most, last = sorted(words)
    return f"{', '.join(most)} or {last}" if most else last


Facts = frozenset[str] | None
Span = tuple[float, float] | None
_OPPOSITES = {
    "calm": "energetic",
    "quiet": "noisy",
    "independent": "clingy",
    "shy": "outgoing",
    "indoor": "outdoor",
    "first_time": "experienced",
}
_OPPOSITES |= {two: one for one, two in _OPPOSITES.items()}
_NAMES: Mapping[str, Mapping[str, str]] = {
    "species": attributes.SPECIES_NAMES,
    "size": attributes.SIZE_NAMES,
    "age": attributes.AGE_NAMES,
    "coat": {coat: f"{coat} hair" for coat in ("short", "medium", "long", "wire")},
}
_LABELLED = frozenset({*_NAMES, "colour", "coat"})
_CHIPS = {
    "kids": "good with kids",
    "dogs": "good with dogs",
    "cats": "good with cats",
    "house_trained": "house-trained",
    "special_needs": "special needs",
    "altered": "spayed or neutered",
    "bonded": "bonded pair",
    "mixed": "mixed breed",
    "sheds_little": "sheds little",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is wished. Values are ids where animals have ids, `yes` for facts."""

    name: str
    values: frozenset[str] = frozenset()
    negated: bool = False
    words: str = ""
    """The visitor's own words."""
    least: float | None = None
    """Bounds in months, pounds, the site's currency (`fee`) or kilometres (`place`)."""
    most: float | None = None
    at: int = 0
    """Moment of the wish, in milliseconds since 1970, for ages."""

    def fits(self, animal: Animal) -> bool | None:
        """True if the animal fits, False if it contradicts the rule, None if nobody knows."""
        if self.name in _SPANS:
            found = self._fits_span(_SPANS[self.name](animal, self.at))
        else:
            facts = FACTS[self.name](animal, self.at)
            found = None if facts is None else self._fits_facts(facts)
        return found if found is None else found != self.negated

    @property
    def widened(self) -> "Rule":
        """The same rule, which breeds of the family of a wanted breed fit as well."""
        breeds = [one.partition("/") for one in self.values if "/" in one]
        if self.name != "breed" or self.negated or not breeds:
            return self
        families = (family_mark(species, breed) for species, _, breed in breeds)
        return replace(self, values=self.values.union(families))

    @property
    def label(self) -> str:
        """The rule on a chip."""
        if self.name in _CHIPS:
            return f"not {_CHIPS[self.name]}" if self.negated else _CHIPS[self.name]
        if self.negated or not self.values or self.name not in _LABELLED:
            return self.words
        names = _NAMES.get(self.name, {})
        return joined(names.get(one, one) for one in self.values)

    def _fits_facts(self, facts: frozenset[str]) -> bool | None:
        if self.values & facts:
            return True
        if self.name == "trait":
            against = {f"-{one}" for one in self.values}
            return False if against & facts else None
        return None if self.name == "place" else False

    def _fits_span(self, span: Span) -> bool | None:
        if span is None:
            return None
        low, high = span
        least, most = self.least or 0.0, float("inf") if self.most is None else self.most
        if least <= low and high <= most:
            return True
        return False if high <= least or low >= most else None


def is_hard(trait: str, negated: bool) -> bool:
    """True for traits that exclude an animal of which the opposite is known.

    Experienced owners may well have an easy animal.
    """
    return trait == "first_time" or (trait == "experienced" and negated)


def traits_in(description: str) -> frozenset[str]:
    """The traits that a description states, and `kids`, `dogs` and `cats` it is good with.

    `-calm` stands where it says not calm, or the opposite; `-cats` where it says no cats.
    """
    return _stated(read_written(description))


def _stated(facts: WrittenFacts) -> frozenset[str]:
    found: set[str] = set()
    for trait, statement in facts.items():
        name = trait.removeprefix("good_with_")
        yes, no = ("", "-") if statement.answer == YES else ("-", "")
        if statement.answer in {YES, NO}:
            found.add(f"{yes}{name}")
            if name in _OPPOSITES:
                found.add(f"{no}{_OPPOSITES[name]}")
    return frozenset(found)


def _band(animal: Animal, at: int) -> str:
    return animal.age if animal.born is None else attributes.age_at(animal.species, animal.born, at)


def _known(value: str) -> Facts:
    return None if value in {"", UNKNOWN} else frozenset({value})


def _answer(value: bool | GoodWith | None) -> Facts:
    answers: Mapping[bool | GoodWith | None, str] = {
        True: "yes", GoodWith.YES: "yes", False: "no", GoodWith.NO: "no"
    }  # fmt: skip
    return frozenset({answers[value]}) if value in answers else None


def _good_with(name: str) -> Callable[[Animal, int], Facts]:
    # Under a condition nobody knows: it neither fits nor excludes.
    return lambda animal, _at: _answer(animal.good_with(name))


def _written(trait: str) -> Callable[[Animal, int], Facts]:
    return lambda animal, _at: _answer(animal.answer(trait))


def _pattern(animal: Animal) -> frozenset[str]:
    pattern = animal.facts.get("pattern")
    return frozenset() if pattern is None else frozenset({pattern.answer})


def _breeds(animal: Animal, _at: int) -> frozenset[str]:
    named = filter(None, (animal.breed, animal.secondary_breed))
    marks = (mark for name in named for mark in breed_marks(animal.species, name))
    return frozenset(marks) | {f"{animal.species}/*"}


@lru_cache(maxsize=16_384)
def _values_in(text: str, part: str) -> frozenset[str]:
    words = words_in(text)
    return meanings_of(" ".join(words), part)


def _colours(animal: Animal, _at: int) -> Facts:
    breed = animal.breed.replace("_", " ") if animal.species == attributes.CAT else ""
    found = _values_in(" ".join((*animal.colours, breed)), "colour")
    return found | _pattern(animal) or None


def _coats(animal: Animal, _at: int) -> Facts:
    found = _values_in(animal.coat, "coat") | {
        one for one in words_in(animal.coat) if one in {"short", "medium", "long", "curly", "wire"}
    }
    if not found and (coat := animal.facts.get("coat")) is not None:
        return frozenset({coat.answer})
    return frozenset(found) or _values_in(animal.breed.replace("_", " "), "coat") or None


def _shedding(animal: Animal, at: int) -> Facts:
    if (stated := animal.answer("sheds_little")) is not None:
        return _answer(stated)
    plain = {one for one in _breeds(animal, at) if one.isalpha()}
    if animal.mixed or animal.secondary_breed or not plain or UNKNOWN in plain:
        return None
    return breed_facts("sheds_little", plain) or frozenset({"no"})


def _place(animal: Animal, _at: int) -> frozenset[str]:
    words = words_in(animal.shelter)
    runs = (
        " ".join(words[start:end])
        for start in range(len(words))
        for end in range(start + 1, min(len(words), start + 4) + 1)
    )
    return frozenset(runs) | frozenset(words_in(animal.postcode))


def _months(animal: Animal, at: int) -> Span:
    if animal.born is not None:
        here, born = datetime.fromtimestamp(at / SECOND, UTC), animal.born
        days = here.day - born.day + 0.5  # who is two today is under two no more
        months = 12 * (here.year - born.year) + here.month - born.month + days / 31
        return months, months
    if animal.age not in attributes.AGES:
        return None
    starts = (0, *BANDS.get(animal.species, BANDS[attributes.DOG]), float("inf"))
    band = attributes.AGES.index(animal.age)
    return starts[band], starts[band + 1]


_SPANS: Mapping[str, Callable[[Animal, int], Span]] = {
    "months": _months,
    "pounds": lambda animal, _at: attributes.weight_range(animal.size, animal.species),
    "fee": lambda animal, _at: None if animal.fee is None else (animal.fee, animal.fee),
}
_READ_ELSEWHERE = frozenset({*HOUSEHOLD, "bonded", "sheds_little", "pattern", "coat"})
FACTS: Mapping[str, Callable[[Animal, int], Facts]] = {
    "species": lambda animal, _at: _known(animal.species),
    "breed": _breeds,
    "size": lambda animal, _at: _known(animal.size),
    "age": lambda animal, at: _known(_band(animal, at)),
    "sex": lambda animal, _at: _known(animal.sex),
    "colour": _colours,
    "coat": _coats,
    **{name: _good_with(name) for name in ("kids", "dogs", "cats")},
    **{trait: _written(trait) for trait in TRAITS if trait not in _READ_ELSEWHERE},
    "bonded": lambda animal, _at: _answer(bool(animal.bonded_unit) or animal.answer("bonded")),
    "mixed": lambda animal, _at: _answer(animal.mixed or bool(animal.secondary_breed) or None),
    "sheds_little": _shedding,
    "place": _place,
    "trait": lambda animal, _at: _stated(animal.facts),
    "word": lambda animal, _at: frozenset(words_in(animal.description)),
}
"""Facts of an animal by the name of the rule that asks for them; None if nobody knows."""
