"""Reasons for an animal's place: short, and true of the animal, the visitor and the place."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.attributes import AGE_NAMES, SIZE_NAMES, SPECIES_NAMES, GoodWith
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.engine.serving.animals.eligibility import Eligibility
from pawsonalize.recipes.contract import Context, ContextEvent, Model
from pawsonalize.recipes.data import Floats

MAX_REASONS = 3
_LIVE_WITH = {"kids": "children", "dogs": "dogs", "cats": "cats"}
_PRONOUNS = {"female": "she", "male": "he"}
_OBJECTS = {"female": "her", "male": "him"}
# What a visitor did, in words; the strongest first.
_DEEDS = {
    "application": "applied for",
    "inquiry": "asked about",
    "favorite": "saved",
    "view": "looked at",
}
_WORTH_SAYING_DAYS = 30
_OFTEN = 0.2  # log-odds beyond those of other animals; less is not worth saying
_SELDOM = 10


@dataclass(frozen=True, slots=True)
class AnimalStanding:
    """One place of an answer: the animals that have it, and how much each part lifts it.

    `parts` are those of the utility by name, `lifts` the same less their mean over the answer.
    `animals` are all that share the place; the first is the one that was weighed.
    """

    animals: Sequence[Animal]
    group: AnimalGroup | None
    lifts: Mapping[str, float]
    shown: float
    kilometres: float | None
    explored: bool
    parts: Mapping[str, float]
    deeds: Collection[str] = ()
    """The meanings of what the visitor did with these very animals."""


def reasons_for(
    standing: AnimalStanding,
    seen: Sequence[ContextEvent],
    rules: Eligibility,
    at: int,
    newcomer_days: int,
) -> tuple[str, ...]:
    """Up to three reasons, the weightiest first; unknown answers always come, and come last."""
    doubts = list(_doubts(standing.animals, standing.kilometres, rules))[:2]
    found = sorted(_found(standing, seen, rules, at, newcomer_days), key=lambda one: -one[0])
    return (*(reason for _, reason in found[: MAX_REASONS - len(doubts)]), *doubts)


def _found(
    standing: AnimalStanding,
    seen: Sequence[ContextEvent],
    rules: Eligibility,
    at: int,
    newcomer_days: int,
) -> Iterator[tuple[float, str]]:
    lifts = standing.lifts
    first = standing.animals[0]
    days = first.waiting_days(at)
    if standing.explored and days < newcomer_days:
        # Exploration alone brought it here.
        yield 9.0, "new here" if first.listed_at == first.first_listed_at else "back here"
    if days >= _WORTH_SAYING_DAYS and (lifts["waiting"] > 0 or standing.explored):
        yield 8.0 if standing.explored else lifts["waiting"], f"waiting {days} days"
    if lifts["priority"] > 0 and standing.animals[0].priority > 0:
        who = _OBJECTS.get(standing.animals[0].sex, "it")
        yield 7.0, f"the shelter wishes {who} to be seen"
    if reason := _liked(standing, seen):
        yield max(lifts["group"], lifts["visitor"]), reason
    if reason := _opened(standing):
        yield max(lifts["animal_effect"], lifts["appeal"]), reason
    if standing.kilometres is not None and lifts["distance"] > 0:
        yield lifts["distance"], f"{standing.kilometres:.0f} km away"
    if lifts["exposure"] > 0 and standing.shown < _SELDOM:
        yield lifts["exposure"], "seldom shown so far"
    if photos := len(standing.animals[0].photos) if lifts["photos"] > 0 else 0:
        yield lifts["photos"], "has a photo" if photos == 1 else f"has {photos} photos"
    if lifts["compatibility"] > 0 and (known := _good_with(standing.animals, rules)):
        yield lifts["compatibility"], f"good with {known}"


def _liked(standing: AnimalStanding, seen: Sequence[ContextEvent]) -> str | None:
    """Return what the animal shares with those that the visitor chose, unless it is one itself."""
    if did := next((did for deed, did in _DEEDS.items() if deed in standing.deeds), None):
        alone = len(standing.animals) == 1
        who = _OBJECTS.get(standing.animals[0].sex, "it") if alone else "one of them"
        lifts = max(standing.lifts["group"], standing.lifts["visitor"]) > 0
        return f"you {did} {who}" if lifts else None
    if standing.lifts["group"] > 0 and (alike := _like(standing.group, seen)):
        return alike
    if min(standing.lifts["visitor"], standing.parts["visitor"]) > 0:
        found = {
            one.item for one in seen if one.event_type in _DEEDS and _resembles(standing, one.item)
        }
        return "like those you looked at" if len(found) > 1 else None
    return None


def _resembles(standing: AnimalStanding, item: str) -> bool:
    one, other = standing.group, AnimalGroup.parse(item)
    if one is None or other is None or one.species != other.species:
        return False
    return one.breed == other.breed or one.size == other.size or one.age == other.age


def _opened(standing: AnimalStanding) -> str | None:
    lifts, parts = standing.lifts, standing.parts
    own, kind = parts["animal_effect"], parts["appeal"]
    if lifts["animal_effect"] > 0 and min(own, own + kind) >= _OFTEN:
        return "often opened by visitors"
    if lifts["appeal"] > 0 and min(kind, own + kind) >= _OFTEN:
        return "many visitors open animals like this one"
    return None


def _like(group: AnimalGroup | None, seen: Sequence[ContextEvent]) -> str | None:
    if group is None:
        return None
    known = [(AnimalGroup.parse(one.item), one.event_type) for one in seen]
    breed = "" if group.breed == "Unknown" else group.breed.replace("_", " ")
    species = SPECIES_NAMES.get(group.species, "")
    words = (AGE_NAMES.get(group.age), SIZE_NAMES.get(group.size), breed or species)
    levels = (
        (("species", "breed", "size", "age"), " ".join(filter(None, words))),
        (("species", "breed"), breed),
        (("species",), species),
    )
    for names, likeness in levels:
        alike = {
            deed
            for other, deed in known
            if other and all(getattr(other, name) == getattr(group, name) for name in names)
        }
        for deed, did in _DEEDS.items():
            if likeness and deed in alike:
                return f"{likeness}, like one you {did}"
    return None


def _doubts(animals: Sequence[Animal], far: float | None, rules: Eligibility) -> Iterator[str]:
    for name in rules.household:
        for animal in animals:
            answer = getattr(animal, f"good_with_{name}")
            who = _PRONOUNS.get(animal.sex, "it")
            if answer is GoodWith.UNKNOWN:
                yield f"nobody knows yet whether {who} likes {_LIVE_WITH[name]}"
                break
            if answer is GoodWith.SELECTIVE:
                yield f"{who} likes some {_LIVE_WITH[name]}, not all"
                break
    if rules.max_distance_km is not None and far is None:
        yield "nobody told how far away"
    if rules.max_fee is not None and any(animal.fee is None for animal in animals):
        yield "nobody told the fee"
    yield from _unanswered(animals, rules)


def _unanswered(animals: Sequence[Animal], rules: Eligibility) -> Iterator[str]:
    """Return the visitor's conditions that the record of one of the animals does not answer."""
    for wanted, name in ((rules.sizes, "size"), (rules.sexes, "sex")):
        if wanted and any(getattr(animal, name) == "unknown" for animal in animals):
            yield f"nobody told the {name}"
    if rules.ages and any(one.born is None and one.age == "unknown" for one in animals):
        yield "nobody told the age"
    if rules.house_trained is not None and any(one.house_trained is None for one in animals):
        yield "nobody told whether it is house-trained"
    if rules.special_needs is not None and any(one.special_needs is None for one in animals):
        yield "nobody told of special needs"


def _good_with(animals: Sequence[Animal], rules: Eligibility) -> str:
    known = [
        _LIVE_WITH[name]
        for name in rules.household
        if all(getattr(animal, f"good_with_{name}") is GoodWith.YES for animal in animals)
    ]
    return " and ".join(known)


# A part that gives less than this share of a score is no reason for it.
_MIN_SHARE = 0.2


_WORDS = {
    "own history": "you looked at this before",
    "transitions": "often chosen right after what you looked at",
    "co-visits": "liked together with what you looked at",
    "related items": "of a kind you look at",
    "popularity": "popular now",
    "freshness": "new here",
    "neighbours": "liked by visitors with a taste like yours",
    "factors": "goes with what you looked at",
    "species": "of the kind of animal you look at",
    "breed": "of a breed you look at",
    "size": "of the size you look at",
    "age": "of the age you look at",
    "trend": "asked for more and more",
    "context": "liked by visitors like you",
    "preferences": "fits what you are looking for",
    "blend": "fits your visit best all in all",
    "propensity": "often taken by visitors like you",
}


def group_reasons(contributions: Mapping[str, Floats]) -> list[tuple[str, ...]]:
    """The reasons of each item, the weightiest first.

    `contributions` are a model's, by the name of the part; all arrays have shape (items,).
    """
    parts = [(name, values) for name, values in contributions.items() if _tells(name, values)]
    count = max((len(values) for values in contributions.values()), default=0)
    return [
        _reasons([(float(values[place]), name) for name, values in parts]) for place in range(count)
    ]


def _tells(name: str, values: Floats) -> bool:
    """Whether the part is a reason at all: where all are equally popular, nobody is popular."""
    return name != "popularity" or len(values) < 2 or float(np.ptp(values)) > 0


def _reasons(weighed: list[tuple[float, str]]) -> tuple[str, ...]:
    # Parts that speak against an item, and the constant `base`, are no reasons for it.
    positive = [part for part in weighed if part[0] > 0 and part[1] in _WORDS]
    total = sum(weight for weight, _ in positive)
    strongest = sorted(positive, key=lambda part: -part[0])
    return tuple(_WORDS[name] for weight, name in strongest if weight > _MIN_SHARE * total)


def known_reasons(
    model: Model, context: Context, groups: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """The reasons for each group that the model knows."""
    known = set(model.item_ids).intersection(groups)
    wanted = [group for group in groups if group in known]
    if not wanted:
        return {}
    return dict(zip(wanted, group_reasons(model.contributions(context, wanted)), strict=True))
