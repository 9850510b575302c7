"""Reasons for an animal's place: short, and true of the animal, the visitor and the place."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.attributes import AGE_NAMES, SIZE_NAMES, SPECIES_NAMES, GoodWith
from pawsonalize.domain.events import PICK
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.engine.serving.animals.eligibility import Eligibility
from pawsonalize.recipes.contract import Context, ContextEvent, Model
from pawsonalize.recipes.data import Scores

MAX_REASONS = 3
_FITS = "fits what you are looking for"
_LIVE_WITH = {"kids": "children", "dogs": "dogs", "cats": "cats"}
_PRONOUNS = {"female": "she", "male": "he"}
_OBJECTS = {"female": "her", "male": "him"}
# What a visitor did, in words; the strongest first.
_DEEDS = {
    "application": "applied for",
    "inquiry": "asked about",
    "favorite": "saved",
    "pick": "picked",
    "view": "looked at",
}
_WORTH_SAYING_DAYS = 30
_OFTEN = 0.2  # log-odds beyond those of other animals; less is not worth saying
_SELDOM = 10
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
    "preferences": _FITS,
    "blend": "fits your visit best all in all",
    "propensity": "often taken by visitors like you",
}


class AnimalStanding(msgspec.Struct, frozen=True):
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
    deeds: Collection[str] = ()  # the meanings of what the visitor did with these very animals


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
    if lifts["priority"] > 0 and first.priority > 0:
        yield 7.0, f"the shelter wishes {_OBJECTS.get(first.sex, 'it')} to be seen"
    if reason := _liked(standing, seen):
        yield max(lifts["group"], lifts["visitor"]), reason
    if reason := _opened(lifts, standing.parts["animal_effect"], standing.parts["appeal"]):
        yield max(lifts["animal_effect"], lifts["appeal"]), reason
    if standing.kilometres is not None and lifts["distance"] > 0:
        yield lifts["distance"], f"{standing.kilometres:.0f} km away"
    if lifts["exposure"] > 0 and standing.shown < _SELDOM:
        yield lifts["exposure"], "seldom shown so far"
    if photos := len(first.photos) if lifts["photos"] > 0 else 0:
        yield lifts["photos"], "has a photo" if photos == 1 else f"has {photos} photos"
    yield from _fitting(standing, rules)


def _fitting(standing: AnimalStanding, rules: Eligibility) -> Iterator[tuple[float, str]]:
    """Return how the animal fits what the visitor said."""
    lifts = standing.lifts
    if lifts["quiz"] > 0 and standing.parts["quiz"] == 0:
        yield lifts["quiz"], _FITS
    known = [
        _LIVE_WITH[name]
        for name in rules.household
        if all(getattr(one, f"good_with_{name}") is GoodWith.YES for one in standing.animals)
    ]
    if lifts["compatibility"] > 0 and known:
        yield lifts["compatibility"], f"good with {' and '.join(known)}"


def _liked(standing: AnimalStanding, seen: Sequence[ContextEvent]) -> str | None:
    """Return what the animal shares with those that the visitor chose, unless it is one itself."""
    if did := next((did for deed, did in _DEEDS.items() if deed in standing.deeds), None):
        alone = len(standing.animals) == 1
        who = _OBJECTS.get(standing.animals[0].sex, "it") if alone else "one of them"
        lifts = max(standing.lifts["group"], standing.lifts["visitor"]) > 0
        return f"you {did} {who}" if lifts else None
    if standing.lifts["group"] > 0 and (shared := _like(standing.group, seen)):
        return shared
    if min(standing.lifts["visitor"], standing.parts["visitor"]) > 0:
        chosen = {one.item for one in seen if one.event_type in _DEEDS}
        alike = [item for item in chosen if _resembles(standing.group, AnimalGroup.parse(item))]
        return _worded("like those you looked at", seen) if len(alike) > 1 else None
    return None


def _worded(reason: str, seen: Sequence[ContextEvent]) -> str:
    """The reason, as it is true of a visitor who picked on a board and looked at nobody."""
    if not seen or any(one.event_type != PICK for one in seen):
        return reason
    return reason.replace("looked at", "picked").replace("look at", "picked")


def _resembles(one: AnimalGroup | None, other: AnimalGroup | None) -> bool:
    if one is None or other is None or one.species != other.species:
        return False
    return one.breed == other.breed or one.size == other.size or one.age == other.age


def _opened(lifts: Mapping[str, float], own: float, kind: float) -> str | None:
    if lifts["animal_effect"] > 0 and min(own, own + kind) >= _OFTEN:
        return "often opened by visitors"
    is_kind = lifts["appeal"] > 0 and min(kind, own + kind) >= _OFTEN
    return "many visitors open animals like this one" if is_kind else None


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
    """The visitor's conditions that the record of one of the animals does not answer."""
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
    conditions: dict[str, tuple[bool, Callable[[Animal], bool]]] = {
        "the fee": (rules.max_fee is not None, lambda one: one.fee is None),
        "the size": (bool(rules.sizes), lambda one: one.size == "unknown"),
        "the sex": (bool(rules.sexes), lambda one: one.sex == "unknown"),
        "the age": (bool(rules.ages), lambda one: one.born is None and one.age == "unknown"),
        "whether it is house-trained": (
            rules.house_trained is not None,
            lambda one: one.house_trained is None,
        ),
        "of special needs": (
            rules.special_needs is not None,
            lambda one: one.special_needs is None,
        ),
    }
    for words, (is_wanted, is_unknown) in conditions.items():
        if is_wanted and any(map(is_unknown, animals)):
            yield f"nobody told {words}"


def group_reasons(
    contributions: Mapping[str, Scores], seen: Sequence[ContextEvent] = ()
) -> list[tuple[str, ...]]:
    """Each item's reasons, the weightiest first, from a model's contributions by part."""
    # Where all items are equally popular, popularity is no reason; nor are the constant `base` and
    # parts that speak against an item.
    parts = {
        name: values.tolist()
        for name, values in contributions.items()
        if name in _WORDS and (name != "popularity" or len(values) < 2 or float(np.ptp(values)) > 0)
    }
    found = []
    for place in range(max((len(values) for values in contributions.values()), default=0)):
        positive = [(parts[name][place], name) for name in parts if parts[name][place] > 0]
        least = _MIN_SHARE * sum(weight for weight, _ in positive)
        strongest = sorted(positive, key=lambda part: -part[0])
        reasons = (_WORDS[name] for weight, name in strongest if weight > least)
        found.append(tuple(_worded(reason, seen) for reason in reasons))
    return found


def known_reasons(
    model: Model, context: Context, groups: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """The reasons for each group that the model knows."""
    known = set(model.item_ids).intersection(groups)
    wanted = [group for group in groups if group in known]
    if not wanted:
        return {}
    found = group_reasons(model.contributions(context, wanted), context.events)
    return dict(zip(wanted, found, strict=True))
