"""Rules of a wish: how an animal's facts fit each, and its words on a chip.

An unknown answer is None: it neither fits nor excludes. Facts of the record come first, then what
the description states, and for the traits that no statement is read of ("playful") its words.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache

from pawsonalize.animals.animal import UNKNOWN, Animal
from pawsonalize.animals.wishes.lexicon import (
    breed_facts,
    breed_marks,
    designer_breeds,
    family_mark,
    language_of,
    lexicon,
    phrases_in,
    values_in,
    words_in,
    words_of_text,
)
from pawsonalize.animals.written import TRAITS, WrittenFacts
from pawsonalize.animals.written_phrases import NO, YES
from pawsonalize.animals.written_sentence import HOUSEHOLD
from pawsonalize.core import attributes
from pawsonalize.core.attributes import BANDS, GoodWith
from pawsonalize.core.times import SECOND


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
_MOVING = ("energetic", "calm")
"""Traits that say whether an animal likes to run."""
_NAMES: Mapping[str, Mapping[str, str]] = {
    "species": attributes.SPECIES_NAMES,
    "size": attributes.SIZE_NAMES,
    "age": attributes.AGE_NAMES,
    "coat": {coat: f"{coat} hair" for coat in ("short", "medium", "long", "wire")},
}
_LABELLED = frozenset({*_NAMES, "colour", "coat"})
_RARE = frozenset(
    {"deaf", "blind", "three_legs", "fiv", "felv", "heartworm", "declawed", "returned", "bonded"}
)
"""What hardly any animal is, and a shelter says of those who are."""
_FROM = "from "
_NO_CAT = frozenset({"-calico", "-tortoiseshell", "-tabby"})  # which only cats are
_NOT_SMALL = re.compile(
    r"\b(?:small|little|young|older|toddler|pequeñ|mayores|klein|größer|älter)", re.IGNORECASE
)
_TEENS = re.compile(r"\bteen|jugend|adolesc|\badult|erwachs", re.IGNORECASE)
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
    "deaf": "deaf",
    "blind": "blind",
    "three_legs": "three legs",
    "fiv": "FIV",
    "felv": "FeLV",
    "heartworm": "heartworm",
    "declawed": "declawed",
    "crate_trained": "crate-trained",
    "returned": "returned",
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
            is_rare = self.name in _RARE or self.values <= {"hairless", "merle"}
            if found is None and is_rare and self.values and not self.negated:
                return False  # whoever is deaf is written to be
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
        if ages := [one.removeprefix(_FROM) for one in facts if one.startswith(_FROM)]:
            return None if self.most is None else self.most >= int(*ages)
        if self.values & facts:
            return True
        if self.name == "trait" or facts == _NO_CAT:
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


def traits_in(animal: Animal) -> frozenset[str]:
    """The traits that a description states, or speaks of where nobody reads statements of them.

    `-calm` stands where it says not calm, or the opposite.
    """
    found = _stated(animal.facts) | _mentioned(animal.description)
    # Who wants a quiet dog does not mean its voice alone.
    return found | {"quiet"} if "calm" in found and "-quiet" not in found else found


@lru_cache(maxsize=32_768)
def _mentioned(description: str) -> frozenset[str]:
    found: set[str] = set()
    negated = was_negated = False
    lines = ". ".join(description.splitlines())  # of a list, each is a sentence
    for phrase in phrases_in(words_of_text(lines), breeds=False):
        if phrase.does("not"):
            negated = True
        elif phrase.does("or"):
            negated |= was_negated
        elif not (phrase.does("filler") or phrase.does("and")):
            says, contrary = ("-", "") if negated else ("", "-")
            for trait in phrase.values("trait"):
                found |= {f"{says}{trait}"} | {f"{contrary}{one}" for one in _opposite(trait)}
            was_negated, negated = negated and bool(phrase.meanings), False
    return frozenset(one for one in found if one.removeprefix("-") not in TRAITS)


def _opposite(trait: str) -> frozenset[str]:
    return frozenset({_OPPOSITES[trait]} if trait in _OPPOSITES else ())


def _stated(facts: WrittenFacts) -> frozenset[str]:
    found: set[str] = set()
    for trait, statement in facts.items():
        name = trait.removeprefix("good_with_")
        yes, no = ("", "-") if statement.answer == YES else ("-", "")
        if statement.answer in {YES, NO}:
            found.add(f"{yes}{name}")
            if name in _OPPOSITES:
                found.add(f"{no}{_OPPOSITES[name]}")
            if name in _MOVING:
                found.add(f"{yes if name == 'energetic' else no}running")
            if (name, statement.answer) == ("fenced_yard", YES):
                found |= {"garden", "-apartment"}
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


_ABOVE = re.compile(  # `over 12` is 13 and up
    r"\b(?:over|older than|above|more than|über|älter als|más de|mayores de)"
    r"(?: the age of| age| los)? $",
    re.IGNORECASE,
)
_FEWEST_SPELLED = 4  # years: smaller numbers in words are mostly counts, `my two children`


@lru_cache(maxsize=16_384)  # a search asks it of each animal
def _least_age(text: str, start: int, end: int) -> int | None:
    """The age in years that the text names between two places, or at the word after them."""
    words = words_of_text(text)
    known = lexicon(language_of(words))
    for word in (one for one in words if start <= one.start <= end + 1):
        if word.text.isdecimal():
            years = int(word.text)
        else:
            spelled = [int(value) for part, value in known.get(word.text, ()) if part == "number"]
            years = max(spelled, default=0)
        if word.text.isdecimal() or years >= _FEWEST_SPELLED:
            return years + bool(_ABOVE.search(text[: word.start]))
    return None


def _kids(animal: Animal, _at: int) -> Facts:
    """Yes or no, or the age in months from which children fit: `from 144`."""
    statement = animal.facts.get("good_with_kids")
    if animal.good_with("kids") is not GoodWith.SELECTIVE or statement is None:
        return _answer(animal.good_with("kids"))
    text = statement.sentence if statement.condition in statement.sentence else statement.condition
    start = text.index(statement.condition)
    years = _least_age(text, start, start + len(statement.condition))
    if years is None and _NOT_SMALL.search(statement.condition):
        years = 6
    elif years is None and _TEENS.search(statement.condition):
        years = 13
    return None if years is None else frozenset({f"{_FROM}{12 * years}"})


def _written(trait: str) -> Callable[[Animal, int], Facts]:
    return lambda animal, _at: _answer(animal.answer(trait))


def _is_bonded(animal: Animal) -> bool | None:
    return bool(animal.bonded_unit) or animal.answer("bonded")


def _pattern(animal: Animal) -> frozenset[str]:
    pattern = animal.facts.get("pattern")
    return frozenset() if pattern is None else frozenset({pattern.answer})


def _breeds(animal: Animal, _at: int) -> frozenset[str]:
    named = [one for one in (animal.breed, animal.secondary_breed) if one]
    marks = {mark for name in named for mark in breed_marks(animal.species, name)}
    if animal.species == attributes.DOG:
        written = marks.union(words_in(animal.description))
        for parts, name in designer_breeds().items():
            if parts <= marks or name in written:
                marks |= {*breed_marks(animal.species, name)}
                marks |= {"doodle"} if "poodle" in parts else set()
    return frozenset(marks) | {f"{animal.species}/*"}


_OF_MANY_COLOURS = frozenset({"calico", "tortoiseshell"})


def _colours(animal: Animal, _at: int) -> Facts:
    breed = animal.breed.replace("_", " ") if animal.species == attributes.CAT else ""
    # Apart, as a colour may be in another language than its breed.
    found = values_in(" ".join(animal.colours), "colour") | values_in(breed, "colour")
    found |= _pattern(animal)
    if animal.species == attributes.CAT and found == {"black", "white"}:
        return found | {"tuxedo"}
    if animal.species == attributes.CAT and (of_many := found & _OF_MANY_COLOURS):
        return of_many  # a calico is no black cat
    return found or (None if animal.species == attributes.CAT else _NO_CAT)


def _coats(animal: Animal, _at: int) -> Facts:
    found = values_in(animal.coat, "coat") | {
        one for one in words_in(animal.coat) if one in {"short", "medium", "long", "curly", "wire"}
    }
    if not found and (coat := animal.facts.get("coat")) is not None:
        return frozenset({coat.answer})
    named = animal.breed.replace("_", " ")
    return found or values_in(named, "coat") or breed_facts("coat", words_in(named)) or None


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
    "pounds": lambda animal, _at: (
        attributes.weight_in(animal.weight) or attributes.weight_range(animal.size, animal.species)
    ),
    "fee": lambda animal, _at: None if animal.fee is None else (animal.fee, animal.fee),
}
_READ_ELSEWHERE = frozenset({*HOUSEHOLD, "bonded", "only_pet", "sheds_little", "pattern", "coat"})
FACTS: Mapping[str, Callable[[Animal, int], Facts]] = {
    "species": lambda animal, _at: _known(animal.species),
    "breed": _breeds,
    "size": lambda animal, _at: _known(animal.size),
    "age": lambda animal, at: _known(_band(animal, at)),
    "sex": lambda animal, _at: _known(animal.sex),
    "colour": _colours,
    "coat": _coats,
    "kids": _kids,
    **{name: _good_with(name) for name in ("dogs", "cats")},
    **{trait: _written(trait) for trait in TRAITS if trait not in _READ_ELSEWHERE},
    "bonded": lambda animal, _at: _answer(_is_bonded(animal)),
    "only_pet": lambda animal, _at: _answer(not _is_bonded(animal) and animal.answer("only_pet")),
    "mixed": lambda animal, _at: _answer(animal.mixed or bool(animal.secondary_breed) or None),
    "sheds_little": _shedding,
    "place": _place,
    "trait": lambda animal, _at: traits_in(animal),
    "word": lambda animal, _at: frozenset(words_in(animal.description)),
}
"""Facts of an animal by the name of the rule that asks for them; None if nobody knows."""
