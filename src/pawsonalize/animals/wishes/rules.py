"""Rules of a wish: how an animal's facts fit each, and its words on a chip.

An unknown answer is None: it neither fits nor excludes. Facts come first, the description is asked
for traits ("calm"), and for what the record leaves open of a household, by the lexicon of wishes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import zip_longest

from pawsonalize.animals.animal import UNKNOWN, Animal
from pawsonalize.animals.wishes.lexicon import (
    SENTENCE_ENDS,
    Phrase,
    breed_facts,
    breed_marks,
    family_mark,
    joined,
    meanings_of,
    phrases_in,
    words_in,
    words_of_text,
)
from pawsonalize.core import attributes
from pawsonalize.core.attributes import BANDS, GoodWith
from pawsonalize.core.times import SECOND

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


@lru_cache(maxsize=32_768)
def traits_in(description: str) -> frozenset[str]:
    """The traits that a description speaks of, and `kids`, `dogs` and `cats` it is good with.

    `-calm` stands where it says not calm, or the opposite; `-cats` where it says no cats.
    """
    found: set[str] = set()
    last = frozenset[str]()  # members of a household that were named in this sentence
    negated = was_negated = is_with = False
    lines = ". ".join(description.splitlines())  # of a list, each is a sentence
    phrases = list(phrases_in(words_of_text(lines), breeds=False))
    for phrase, after in zip_longest(phrases, phrases[1:]):
        members = phrase.values("member")
        last = members or last
        is_stated = is_with or negated or "kids" in members or (after and after.does("friendly"))
        if phrase.does("not"):
            negated = True
        elif phrase.does("too_much"):  # `finds children too much`
            found = (found - last) | {f"-{one}" for one in last}
        elif members and is_stated and not phrase.values("age"):
            found |= {f"-{one}" if negated else one for one in members}
        elif phrase.does("with") or phrase.does("have"):
            is_with = True
        elif phrase.does("or"):
            negated |= was_negated
        elif not (phrase.does("filler") or phrase.does("and")):
            found.update(_traits_of(phrase, negated))
            last = frozenset() if phrase.text in SENTENCE_ENDS else last
            is_with = is_with and bool(phrase.meanings)
            was_negated, negated = negated and bool(phrase.meanings), False
    return frozenset(found)


def _traits_of(phrase: Phrase, negated: bool) -> Iterator[str]:
    says, contrary = ("-", "") if negated else ("", "-")
    for trait in phrase.values("trait"):
        yield f"{says}{trait}"
        if trait in _OPPOSITES:
            yield f"{contrary}{_OPPOSITES[trait]}"
    for one in phrase.values("good_with"):
        yield f"{says}{one}"
    for one in phrase.values("bad_with"):
        yield f"{contrary}{one}"


def _band(animal: Animal, at: int) -> str:
    return animal.age if animal.born is None else attributes.age_at(animal.species, animal.born, at)


def _known(value: str) -> Facts:
    return None if value in {"", UNKNOWN} else frozenset({value})


def _answer(value: bool | GoodWith | None) -> Facts:
    answers: Mapping[bool | GoodWith | None, str] = {
        True: "yes", GoodWith.YES: "yes", False: "no", GoodWith.NO: "no"
    }  # fmt: skip
    return frozenset({answers[value]}) if value in answers else None


def _good_with(name: str, answer: GoodWith, animal: Animal) -> Facts:
    """The answer of the record; where that is unknown, of the description."""
    traits = frozenset[str]() if answer is not GoodWith.UNKNOWN else traits_in(animal.description)
    if name in traits and f"-{name}" in traits:
        return None
    return _answer(name in traits) if {name, f"-{name}"} & traits else _answer(answer)


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
    return _values_in(" ".join((*animal.colours, breed)), "colour") or None


def _coats(animal: Animal, _at: int) -> Facts:
    found = _values_in(animal.coat, "coat") | {
        one for one in words_in(animal.coat) if one in {"short", "medium", "long", "curly", "wire"}
    }
    return frozenset(found) or _values_in(animal.breed.replace("_", " "), "coat") or None


def _shedding(animal: Animal, at: int) -> Facts:
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


def _pounds(animal: Animal, _at: int) -> Span:
    return attributes.pounds_of(animal.size, animal.species)


def _fee(animal: Animal, _at: int) -> Span:
    return None if animal.fee is None else (animal.fee, animal.fee)


_SPANS: Mapping[str, Callable[[Animal, int], Span]] = {
    "months": _months,
    "pounds": _pounds,
    "fee": _fee,
}
FACTS: Mapping[str, Callable[[Animal, int], Facts]] = {
    "species": lambda animal, _at: _known(animal.species),
    "breed": _breeds,
    "size": lambda animal, _at: _known(animal.size),
    "age": lambda animal, at: _known(_band(animal, at)),
    "sex": lambda animal, _at: _known(animal.sex),
    "colour": _colours,
    "coat": _coats,
    "kids": lambda animal, _at: _good_with("kids", animal.good_with_kids, animal),
    "dogs": lambda animal, _at: _good_with("dogs", animal.good_with_dogs, animal),
    "cats": lambda animal, _at: _good_with("cats", animal.good_with_cats, animal),
    "house_trained": lambda animal, _at: _answer(animal.house_trained),
    "special_needs": lambda animal, _at: _answer(animal.special_needs),
    "altered": lambda animal, _at: _answer(animal.altered),
    "bonded": lambda animal, _at: _answer(bool(animal.bonded_unit)),
    "mixed": lambda animal, _at: _answer(animal.mixed or bool(animal.secondary_breed) or None),
    "sheds_little": _shedding,
    "place": _place,
    "trait": lambda animal, _at: traits_in(animal.description),
    "word": lambda animal, _at: frozenset(words_in(animal.description)),
}
"""Facts of an animal by the name of the rule that asks for them; None if nobody knows."""
