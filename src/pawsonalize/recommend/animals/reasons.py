"""Reasons for an animal's place: short, and true of the animal, the visitor and the place."""

from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from pawsonalize.animals.animal import Animal
from pawsonalize.animals.written_phrases import CONDITION, YES
from pawsonalize.core.attributes import AGE_NAMES, SIZE_NAMES, SPECIES_NAMES, GoodWith
from pawsonalize.core.event import PICK, VIEW
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.models.recipes.contract import Context, ContextEvent, Model
from pawsonalize.models.recipes.data import Scores
from pawsonalize.recommend.animals.eligibility import Eligibility
from pawsonalize.recommend.reasons import IN_ENGLISH, Reason

MAX_REASONS = 3
_LIVE_WITH = {"kids": "children", "dogs": "dogs", "cats": "cats"}
_DEEDS = ("application", "inquiry", "favorite", "pick", "view")  # the strongest first
_WORTH_SAYING_DAYS = 30
_OFTEN = 0.2  # log-odds beyond those of other animals; less is not worth saying
_SELDOM = 10
# A part that gives less than this share of a score is no reason for it.
_MIN_SHARE = 0.2


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
    interactions: Collection[
        str
    ] = ()  # the meanings of what the visitor did with these very animals


def reasons_for(
    standing: AnimalStanding,
    seen: Sequence[ContextEvent],
    rules: Eligibility,
    at: int,
    newcomer_days: int,
) -> tuple[Reason, ...]:
    """Up to three reasons, the weightiest first; unknown answers always come, and come last."""
    doubts = list(_doubts(standing.animals, standing.kilometres, rules))[:2]
    found = sorted(_found(standing, seen, rules, at, newcomer_days), key=lambda one: -one.weight)
    return (*found[: MAX_REASONS - len(doubts)], *doubts)


def _found(
    standing: AnimalStanding,
    seen: Sequence[ContextEvent],
    rules: Eligibility,
    at: int,
    newcomer_days: int,
) -> Iterator[Reason]:
    lifts, parts = standing.lifts, standing.parts
    first = standing.animals[0]
    days, who = first.waiting_days(at), {"who": first.sex}
    if standing.explored and days < newcomer_days:
        # Exploration alone brought it here.
        yield Reason("freshness" if first.listed_at == first.first_listed_at else "back", 9.0)
    if days >= _WORTH_SAYING_DAYS and (lifts["waiting"] > 0 or standing.explored):
        yield Reason("waiting", 8.0 if standing.explored else lifts["waiting"], {"days": days})
    if lifts["priority"] > 0 and first.priority > 0:
        yield Reason("wished", 7.0, who)
    yield from _liked(standing, seen)
    if code := _opened(lifts, parts["animal_effect"], parts["appeal"]):
        yield Reason(code, max(lifts["animal_effect"], lifts["appeal"]), who)
    if standing.kilometres is not None and lifts["distance"] > 0:
        yield Reason("away", lifts["distance"], {"km": standing.kilometres})
    if lifts["exposure"] > 0 and standing.shown < _SELDOM:
        yield Reason("seldom", lifts["exposure"], who)
    if lifts["photos"] > 0 and first.photos:
        yield Reason("photos", lifts["photos"], {"n": len(first.photos)})
    if lifts["quiz"] > 0 and parts["quiz"] == 0:
        yield Reason("preferences", lifts["quiz"])
    fitting = tuple(
        _LIVE_WITH[name]
        for name in rules.household
        if all(one.good_with(name) is GoodWith.YES for one in standing.animals)
    )
    if lifts["compatibility"] > 0 and fitting:
        yield Reason("good_with", lifts["compatibility"], {"household": fitting})
        yield from _quotes(first, rules.household, lifts["compatibility"] / 2, YES)


def _liked(standing: AnimalStanding, seen: Sequence[ContextEvent]) -> Iterator[Reason]:
    """Yield what the animal shares with those that the visitor chose, unless it is one itself."""
    group, lifts = standing.group, standing.lifts
    weight = max(lifts["group"], lifts["visitor"])
    if interaction := next(
        (interaction for interaction in _DEEDS if interaction in standing.interactions), None
    ):
        who = standing.animals[0].sex if len(standing.animals) == 1 else "several"
        if weight > 0:
            yield Reason("did", weight, {"deed": interaction, "who": who})
    elif lifts["group"] > 0 and (shared := _shared(group, seen)):
        yield Reason("like_one", weight, shared)
    elif min(lifts["visitor"], standing.parts["visitor"]) > 0:
        chosen = {one.item for one in seen if one.event_type in _DEEDS}
        if sum(_resembles(group, AnimalGroup.parse(item)) for item in chosen) > 1:
            yield Reason("like_those", weight, _how_seen(seen))


def _how_seen(seen: Sequence[ContextEvent]) -> dict[str, str]:
    """Return whether the visitor looked at somebody, or only picked on boards, as a value."""
    return {"seen": PICK if seen and all(one.event_type == PICK for one in seen) else VIEW}


def _resembles(one: AnimalGroup | None, other: AnimalGroup | None) -> bool:
    if one is None or other is None or one.species != other.species:
        return False
    return one.breed == other.breed or one.size == other.size or one.age == other.age


def _opened(lifts: Mapping[str, float], own: float, kind: float) -> str | None:
    if lifts["animal_effect"] > 0 and min(own, own + kind) >= _OFTEN:
        return "opened"
    return "kind_opened" if lifts["appeal"] > 0 and min(kind, own + kind) >= _OFTEN else None


def _shared(
    group: AnimalGroup | None, seen: Sequence[ContextEvent]
) -> dict[str, str | tuple[str, ...]] | None:
    """Return what a group shares with one of those seen, and the strongest deed with such a one."""
    if group is None:
        return None
    others = [(AnimalGroup.parse(one.item), one.event_type) for one in seen]
    breed = "" if group.breed == "Unknown" else group.breed.replace("_", " ")
    species = SPECIES_NAMES.get(group.species, "")
    words = (AGE_NAMES.get(group.age), SIZE_NAMES.get(group.size), breed or species)
    levels = (
        (("species", "breed", "size", "age"), words),
        (("species", "breed"), (breed,)),
        (("species",), (species,)),
    )
    for names, likeness in levels:
        kind = tuple(filter(None, likeness))
        alike = {
            interaction
            for other, interaction in others
            if other and all(getattr(other, name) == getattr(group, name) for name in names)
        }
        if interaction := next(
            (interaction for interaction in _DEEDS if kind and interaction in alike), None
        ):
            return {"kind": kind, "deed": interaction}
    return None


def _quotes(
    animal: Animal, household: Sequence[str], weight: float, answer: str
) -> Iterator[Reason]:
    """The sentences with which its shelter answers what the record leaves open."""
    for name in household:
        statement = animal.facts.get(f"good_with_{name}")
        is_open = getattr(animal, f"good_with_{name}") is GoodWith.UNKNOWN
        if is_open and statement is not None and statement.answer == answer:
            yield Reason("writes", weight, {"quote": statement.sentence})


def _doubts(animals: Sequence[Animal], far: float | None, rules: Eligibility) -> Iterator[Reason]:
    """The visitor's conditions that the record of one of the animals does not answer."""
    codes = {GoodWith.UNKNOWN: "unknown", GoodWith.SELECTIVE: "selective"}
    for name in rules.household:
        for animal in animals:
            if code := codes.get(animal.good_with(name)):
                if quote := next(_quotes(animal, (name,), 0.0, CONDITION), None):
                    yield quote
                    break
                about = {"who": animal.sex, "household": (_LIVE_WITH[name],)}
                yield Reason(code, values=about)
                break
    missing = {
        "distance": rules.max_distance_km is not None and far is None,
        "fee": rules.max_fee is not None and any(one.fee is None for one in animals),
        "size": rules.sizes and any(one.size == "unknown" for one in animals),
        "sex": rules.sexes and any(one.sex == "unknown" for one in animals),
        "age": rules.ages and any(one.born is None and one.age == "unknown" for one in animals),
        "house_trained": rules.house_trained is not None
        and any(one.answer("house_trained") is None for one in animals),
        "special_needs": rules.special_needs is not None
        and any(one.answer("special_needs") is None for one in animals),
    }
    yield from (Reason(f"missing_{name}") for name, is_so in missing.items() if is_so)


def group_reasons(
    contributions: Mapping[str, Scores], seen: Sequence[ContextEvent] = ()
) -> list[tuple[Reason, ...]]:
    """Each item's reasons, the weightiest first, from a model's contributions by part."""
    # Where all items are equally popular, popularity is no reason; nor are the constant `base` and
    # parts that speak against an item.
    parts = {
        name: values.tolist()
        for name, values in contributions.items()
        if name in IN_ENGLISH
        and (name != "popularity" or len(values) < 2 or float(np.ptp(values)) > 0)
    }
    found, how_seen = [], _how_seen(seen)
    for place in range(max((len(values) for values in contributions.values()), default=0)):
        positive = [(parts[name][place], name) for name in parts if parts[name][place] > 0]
        least = _MIN_SHARE * sum(weight for weight, _ in positive)
        strongest = sorted(positive, key=lambda part: -part[0])
        found.append(
            tuple(Reason(name, weight, how_seen) for weight, name in strongest if weight > least)
        )
    return found


def known_reasons(
    model: Model, context: Context, groups: Sequence[str]
) -> dict[str, tuple[Reason, ...]]:
    """The reasons for each group that the model knows."""
    known = set(model.item_ids).intersection(groups)
    wanted = [group for group in groups if group in known]
    if not wanted:
        return {}
    found = group_reasons(model.contributions(context, wanted), context.events)
    return dict(zip(wanted, found, strict=True))
