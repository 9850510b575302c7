"""Wishes of ten kinds for animals of `search_world`, and which animals each means, by the facts.

A wish is made for one animal: a template of its kind asks for facts that the animal has. Everybody
who has them all is what was meant. Wishes of five kinds were looked at while the reader was built;
those of the others, and of every second template and phrase, are held out for the verdict.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from random import Random
from typing import Any

from benchmarks.search_world import CAT, DOG, OPPOSITES, TOWNS, WORDS, Searched
from pawsonalize.core.attributes import BANDS
from pawsonalize.core.breeds import family_of, find_breed

TUNING = ("household", "attributes", "negation", "traits", "mixed")
HELD_OUT = ("typing", "numbers", "places", "languages", "stories")
LANGUAGES = ("spanish", "german", "french")
_MOST_MEANT = 0.04  # of all animals: of a wish that means more, any order is good
_TRIES = 4000
_HOUSEHOLD = ("kids", "dogs", "cats")


@dataclass(frozen=True, slots=True)
class Condition:
    """A fact that is wished, or that must not be."""

    name: str
    value: str
    negated: bool = False

    @property
    def is_hard(self) -> bool:
        """True unless it is a matter of character."""
        return self.name != "trait"

    def holds(self, one: Searched) -> bool | None:
        """True or False by the facts, None if nobody knows."""
        found = _JUDGES[self.name](one, self.value)
        return found if found is None else found != self.negated


@dataclass(frozen=True, slots=True)
class SearchWish:
    """A text, and the conditions that it stands for."""

    kind: str
    text: str
    is_tuning: bool
    conditions: tuple[Condition, ...]

    def means(self, one: Searched) -> bool:
        """True if the animal is known to be all that is wished."""
        return all(condition.holds(one) for condition in self.conditions)

    def violations(self, one: Searched) -> int:
        """Number of hard conditions that the animal is known to contradict."""
        hard = (condition for condition in self.conditions if condition.is_hard)
        return sum(condition.holds(one) is False for condition in hard)


def draw_wishes(animals: Sequence[Searched], each: int, seed: int) -> list[SearchWish]:
    """So many wishes of each kind, half of a tuning kind's for tuning."""
    random = Random(seed)
    found: dict[str, SearchWish] = {}
    for kind in (*TUNING, *HELD_OUT):
        left, tries = each, 0
        while left and (tries := tries + 1) < _TRIES:
            is_tuning = kind in TUNING and left % 2 == 0
            wish = _draw(kind, is_tuning, random.choice(animals), random)
            if wish is None or wish.text in found:
                continue
            if 0 < sum(map(wish.means, animals)) <= _MOST_MEANT * len(animals):
                found[wish.text] = wish
                left -= 1
    return list(found.values())


def _draw(kind: str, is_tuning: bool, one: Searched, random: Random) -> SearchWish | None:
    language = random.choice(LANGUAGES) if kind == "languages" else "english"
    templates = WORDS["templates"][language if kind == "languages" else kind]
    if kind in TUNING:
        templates = templates[1 - is_tuning :: 2]
    template = random.choice(templates)
    conditions: list[Condition] = []
    said: dict[str, str] = {}
    for slot in re.findall(r"{(\w+)}", template):
        within = "within" in template
        filled = _fill(slot, one, is_tuning, language, random, conditions, within=within)
        if filled is None:
            return None
        said[slot], condition = filled
        conditions.append(condition)
    if template.startswith("small dog"):
        conditions += [Condition("species", DOG), Condition("size", "1")]
    text = template.format(**said)
    return SearchWish(kind, _misspell(text, random) if kind == "typing" else text, is_tuning,
                      tuple(conditions))  # fmt: skip


def _fill(
    slot: str,
    one: Searched,
    is_tuning: bool,
    language: str,
    random: Random,
    before: Sequence[Condition],
    *,
    within: bool = False,
) -> tuple[str, Condition] | None:
    """Words for a slot and their condition, which the animal fulfils; None if it has none such."""
    if slot in _NUMBERS:
        found: tuple[str, Condition] | None = _NUMBERS[slot](one, random)
        return found
    part = slot.rstrip("2")
    lists: Mapping[str, Any] = WORDS[language]
    taken = {condition.value for condition in before}
    match part:
        case "breed" | "notbreed":
            return _fill_breed(part, one, random)
        case "town" | "postcode":
            name = "within" if within else "town"
            return (one.town if part == "town" else TOWNS[one.town][0]), Condition(name, one.town)
        case "trait" | "clause":
            choices = [each for each in sorted(one.traits) if each in lists[part]]
        case "members":
            choices = [each for each in _HOUSEHOLD if one.facts.get(each) == "yes"]
        case "notsize" | "notcolour":
            part = part.removeprefix("not")
            named = lists["notsize" if part == "size" else part]
            choices = [each for each in named if Condition(part, each, True).holds(one)]
        case _:
            choices = [each for each in lists[part] if Condition(part, each).holds(one)]
    choices = [each for each in choices if each not in taken or part not in {"trait", "clause"}]
    if not choices:
        return None
    value = random.choice(choices)
    phrases = lists["notsize" if slot == "notsize" else part][value]
    phrase = random.choice(phrases[1 - is_tuning :: 2] or phrases)
    name = {"clause": "trait", "members": value}.get(part, part)
    value = "yes" if part == "members" else value
    return phrase, Condition(name, value, slot.startswith("not"))


def _fill_breed(part: str, one: Searched, random: Random) -> tuple[str, Condition] | None:
    if part == "notbreed":
        names = {DOG: ("husky", "chihuahua", "pit bull", "german shepherd", "poodle", "labrador"),
                 CAT: ("siamese", "persian", "maine coon")}.get(one.animal.species, ())  # fmt: skip
        named = random.choice(names) if names else ""
        breed = find_breed(one.animal.species, named) or ""
        condition = Condition("breed", breed, negated=True)
        return (named, condition) if named and condition.holds(one) else None
    breed = one.animal.breed
    plain = breed.replace("_", " ").lower()
    if find_breed(one.animal.species, plain) != breed or "mix" in plain or "domestic" in plain:
        return None
    return plain, Condition("breed", breed)


def _misspell(text: str, random: Random) -> str:
    """The text with a typing error in one or two of its longer words."""
    words = text.split(" ")
    long = [place for place, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    for place in random.sample(long, min(len(long), random.choice((1, 1, 2)))):
        word, at = words[place], random.randrange(1, len(words[place]) - 1)
        words[place] = random.choice((
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + random.choice("aeionrt") + word[at + 1 :],
        ))  # fmt: skip
    return " ".join(words)


def _younger(one: Searched, random: Random) -> tuple[str, Condition]:
    years = int(one.months / 12) + 1
    said = random.choice(("under {} years", "younger than {} years", "not older than {}",
                          "max {} years old"))  # fmt: skip
    return said.format(years), Condition("younger", str(years))


def _older(one: Searched, random: Random) -> tuple[str, Condition] | None:
    years = int(one.months / 12)
    said = random.choice(
        ("over {} years old", "at least {} years", "{} years or older", "{}+ years")
    )
    return (said.format(years), Condition("older", str(years))) if years else None


def _cheaper(one: Searched, random: Random) -> tuple[str, Condition]:
    most = int(one.animal.fee or 0) + 25
    said = random.choice(("for less than ${}", "fee up to {} dollars", "adoption fee under {}",
                          "max {} €"))  # fmt: skip
    return said.format(most), Condition("cheaper", str(most))


def _lighter(one: Searched, random: Random) -> tuple[str, Condition] | None:
    if one.animal.species != DOG or one.animal.size != "1":
        return None
    return random.choice(("under 11 kg", "up to 25 lbs", "less than 25 pounds")), Condition(
        "size", "1"
    )


def _bands(one: Searched, value: str) -> bool:
    starts = (0, *BANDS[one.animal.species], float("inf"))
    if value == "1":
        return one.months < 12  # all wishes for babies say so
    return starts[int(value) - 1] <= one.months < starts[int(value)]


def _size(one: Searched, value: str) -> bool | None:
    if one.animal.size == "unknown":
        return None
    return one.animal.size in ({"3", "4"} if value == "3" else {value})


def _breed(one: Searched, value: str) -> bool | None:
    """Any terrier is a terrier, and a beagle is a hound, if less surely what was meant."""
    named = {one.animal.breed, one.animal.secondary_breed or ""}
    words = {family_of(one.animal.species, breed) or "" for breed in named}
    words.update(word.casefold() for breed in named for word in breed.split("_"))
    return True if value in named else None if value.casefold() in words else False


def _trait(one: Searched, value: str) -> bool | None:
    against = {**OPPOSITES, **{two: each for each, two in OPPOSITES.items()}}.get(value)
    return True if value in one.traits else False if against in one.traits else None


def _kilometres(one: Searched, town: str) -> float:
    (_, lat, lon), (_, lat2, lon2) = TOWNS[town], TOWNS[one.town]
    half = sin(radians(lat2 - lat) / 2) ** 2
    half += cos(radians(lat)) * cos(radians(lat2)) * sin(radians(lon2 - lon) / 2) ** 2
    return 12_742 * asin(sqrt(half))


def _answer(name: str) -> Any:
    return lambda one, value: one.facts[name] == value if one.facts.get(name) else None


_NUMBERS: Mapping[str, Any] = {
    "younger": _younger,
    "older": _older,
    "cheaper": _cheaper,
    "lighter": _lighter,
}
_JUDGES: Mapping[str, Any] = {
    "species": lambda one, value: one.animal.species == value,
    "breed": _breed,
    "size": _size,
    "age": _bands,
    "sex": lambda one, value: one.animal.sex == value,
    "colour": lambda one, value: value in one.colours if one.colours else None,
    "town": lambda one, value: _kilometres(one, value) < 50,
    "within": lambda one, value: _kilometres(one, value) < 30,
    "trait": _trait,
    "younger": lambda one, value: one.months < int(value) * 12,
    "older": lambda one, value: one.months >= int(value) * 12,
    "cheaper": lambda one, value: (one.animal.fee or 0) <= int(value),
    **{name: _answer(name) for name in _HOUSEHOLD},
}
