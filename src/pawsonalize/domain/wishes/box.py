"""The adoption site's box: a visitor's few words as parts that records have or lack."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pawsonalize.domain import attributes
from pawsonalize.domain.animal_words import AnimalWords, Vocabulary, pad, singulars, words_in
from pawsonalize.domain.breed_spelling import DECORATIONS
from pawsonalize.domain.breeds import breeds_named

UNKNOWN_ANSWER = 100
"""Levels that an unknown answer costs; a word that is only begun, or elsewhere, costs 1 or 2."""
_SEXES = {"male": "male", "boy": "male", "female": "female", "girl": "female"}
_HOUSE_TRAINED = re.compile(r"(house|potty|toilet|litter ?(box)?) ?(trained|broken)")


def _words(text: str) -> frozenset[str]:
    return frozenset(words_in(text))


_CHILDREN = _words("kid kids child children toddler toddlers family families")
_MEMBERS = dict.fromkeys(_CHILDREN | {"baby", "babies"}, "kids")
_MEMBERS |= {"dog": "dogs", "dogs": "dogs", "cat": "cats", "cats": "cats"}
_WITH = _words("with like likes love loves around")
_NOT = _words("no not never without cannot cant doesnt dont isnt")
_BETWEEN = _words("and or other my our the a an small little young older big large")
_SAY_NOTHING = _words(
    "a am an and animal animals any are at be do does for get gets good great have i in is live"
    " lives looking me my near of ok okay or our pet pets please that the to want we well who"
)
_RULE_WORDS = _words(
    "adult bonded bunny children family female friendly girl house kids kitten large male medium"
    " needs neutered pair puppy rabbit senior small spayed special trained with young"
)


@dataclass(frozen=True, slots=True)
class WishedPart:
    """One thing that is wished: parts of facts of which one says so, the best ones `first`."""

    name: str
    first: Sequence[str]
    more: Sequence[str] = ()
    never: str = ""
    """A fact that contradicts the wish. Where there is one, an unknown answer fits."""
    near: frozenset[str] = frozenset()

    @property
    def points(self) -> int:
        """A beagle of another size comes as near to a small beagle as a small dog does."""
        return 5 if self.more else 4

    def fit(self, animal: AnimalWords) -> tuple[int, int] | None:
        """Points and level; None if the animal contradicts the wish."""
        if any(map(animal.facts.__contains__, self.first)):
            return self.points, 0
        if self.name == "species" or (self.never and self.never in animal.facts):
            return None
        for level, text in enumerate((animal.facts, animal.story), 1):
            if any(map(text.__contains__, self.more)):
                return self.points, level
        if self.never:
            return self.points, UNKNOWN_ANSWER
        return int(animal.species in self.near), 0


@dataclass(frozen=True, slots=True)
class AnimalWish:
    """All parts of a wish."""

    words: Sequence[str]
    parts: Sequence[WishedPart]

    @property
    def household(self) -> list[str]:
        """The answers that must not be no: of kids, dogs, cats and house_trained."""
        return [part.name for part in self.parts if part.never]

    def fit(self, animal: AnimalWords) -> tuple[int, int] | None:
        """Points for parts that fit, and the level, which is lower for a better fit."""
        points = level = 0
        for part in self.parts:
            if (fit := part.fit(animal)) is None:
                return None
            points, level = points + fit[0], level + fit[1]
        return points, level

    def fits_whole(self, points: int) -> bool:
        """True if an animal with so many points fits all parts; nobody fits none."""
        return bool(self.parts) and points == sum(part.points for part in self.parts)

    def suggest(self, vocabulary: Vocabulary) -> str | None:
        """The same words without typing errors; None if none is found."""
        plain = {part.name for part in self.parts if part.more and not part.near}
        better = {word: vocabulary.mend(word, _RULE_WORDS) for word in plain}
        return " ".join(better.get(w) or w for w in self.words) if any(better.values()) else None


def read_box(text: str) -> AnimalWish:
    """Read at most 12 words."""
    words, place = words_in(text)[:12], 0
    rules: defaultdict[str, set[str]] = defaultdict(set)
    sought: list[WishedPart] = []
    is_with = is_not = False
    while place < len(words):
        word, *rest = words[place:]
        friendly = rest[:1] in (["friendly"], ["safe"])
        count, meaning, breed = _read_phrase(words[place:])
        if is_with and word in _BETWEEN:
            count = 1
        elif word in _MEMBERS and (is_with or friendly or word in _CHILDREN):
            count = 1 + friendly
            rules[_MEMBERS[word]] |= set() if is_not else {"yes"}
        elif word in _WITH | _NOT:
            is_with, is_not = word in _WITH, is_not or word in _NOT
        elif meaning or breed or word not in _SAY_NOTHING:
            for name, ids in meaning.items():
                rules[name] |= set() if is_not else ids
            sought += [breed] if breed else [] if meaning else [_sought_word(word)]
            is_with = is_not = False
        place += count
    parts = []
    for name in sorted(filter(rules.get, rules), key="species".__ne__):
        facts = [f" ={name}:{one} " for one in rules[name]]
        parts.append(WishedPart(name, facts, never=f" ={name}:no " if "yes" in rules[name] else ""))
    parts += sought
    return AnimalWish(words, parts or [_sought_word(word) for word in words])


def _sought_word(word: str) -> WishedPart:
    whole = [f" {one} " for one in singulars(word)]
    return WishedPart(word, whole, [f" {word}" if len(word) > 2 else f" {word} ", *whole[1:]])


def _sought_breed(text: str, breeds: dict[str, str]) -> WishedPart:
    exact = [f" ={species}/{breed} " for species, breed in breeds.items()]
    names = [
        pad(f"{species}:{word}" for word in words_in(name))
        for species, breed in breeds.items()
        for name in (text, breed)
    ]
    named = pad(f"name:{word}" for word in text.split())
    return WishedPart(text, [*exact, *names, named], [f" {text} "], near=frozenset(breeds))


def _read_phrase(words: Sequence[str]) -> tuple[int, dict[str, set[str]], WishedPart | None]:
    """The longest phrase that means something: its number of words, its rules, its breed."""
    for count in range(min(4, len(words)), 0, -1):
        for last in reversed(singulars(words[count - 1])):  # `kittens` alone says no age
            text = " ".join([*words[: count - 1], last])
            rules, breeds = _rules_of(text), breeds_named(text)
            if words[0] in DECORATIONS and breeds == breeds_named(text.partition(" ")[2]):
                breeds = {}  # each word has a meaning of its own: `black lab`
            for species in [*rules.get("species", ())]:
                if (
                    species in {attributes.CAT, attributes.DOG, attributes.RABBIT}
                    or text == attributes.SPECIES_NAMES[species]
                ):
                    breeds = {}  # a bunny is any rabbit, but a hamster is no rat
                rules["species"] |= set(breeds)
            if rules or breeds:
                return count, rules, _sought_breed(text, breeds) if breeds else None
    return 1, {}, None


def _rules_of(text: str) -> dict[str, set[str]]:
    if text.isdigit() or len(text) < 3:
        return {}
    if _HOUSE_TRAINED.fullmatch(text):
        return {"house_trained": {"yes"}}
    size = attributes.size_id(text)
    read = {
        "species": ({attributes.species_id(text)}, attributes.SPECIES_NAMES),
        "ages": ({attributes.age_id(text)}, attributes.AGE_NAMES),
        "sizes": (
            {attributes.LARGE, attributes.EXTRA_LARGE} if size == attributes.LARGE else {size},
            attributes.SIZE_NAMES,
        ),
        "sexes": ({_SEXES.get(text, "")}, _SEXES.values()),
    }
    rules = {name: ids for name, (ids, known) in read.items() if ids <= set(known)}
    if "species" in rules:
        rules.pop("sizes", None)  # a kitten is not of one size
    return rules
