"""Every reason is true of the animal, the visitor and the answer; property-tested word by word."""

import re
from collections.abc import Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pawsonalize.animals.animal import Animal
from pawsonalize.core.attributes import GoodWith
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.times import DAY
from pawsonalize.models.recipes.contract import ContextEvent
from pawsonalize.recommend.animals.eligibility import ANYBODY, Eligibility
from pawsonalize.recommend.animals.reasons import MAX_REASONS, AnimalStanding, reasons_for
from pawsonalize.recommend.animals.settings import PARTS
from pawsonalize.site.languages import languages, speaking
from pawsonalize.site.languages import reason as in_words
from tests.animal_data import animal
from tests.event_data import T0
from tests.recommend.animals.available_animals import GROUPS, HERE, rules, stocks, together

_DEEDS = {
    "saved": "favorite",
    "asked about": "inquiry",
    "applied for": "application",
    "looked at": "view",
}
_WHO = {"children": "kids", "dogs": "dogs", "cats": "cats"}
histories = st.lists(
    st.builds(
        ContextEvent,
        st.sampled_from((*GROUPS, "2-Beagle-1-1", "odd")),
        st.sampled_from(("view", "favorite", "inquiry", "other")),
        st.just(T0),
    ),
    max_size=4,
)
lifts = st.fixed_dictionaries({name: st.floats(-1, 1) for name in PARTS})


# A reason's form, and whether it is true of what the form caught in words.
Check = Callable[[str, AnimalStanding, Sequence[ContextEvent], Eligibility], bool]


def _good(name: str, told: GoodWith, animals: Sequence[Animal]) -> list[bool]:
    return [getattr(one, f"good_with_{_WHO[name]}") is told for one in animals]


def _days(place: AnimalStanding) -> int:
    return (T0 - place.animals[0].listed_at) // DAY


def _is_so_far(said: str, place: AnimalStanding) -> bool:
    latitude = place.animals[0].latitude
    assert latitude is not None
    return abs(float(said) - abs(latitude - HERE.latitude) * 111.19508) <= 0.51


CHECKS: dict[str, Check] = {
    r"(new here)": lambda _, place, *__: place.explored and _days(place) < 14,
    r"waiting (\d+) days": lambda said, place, *_: int(said) == _days(place) >= 30,
    r"(.+) km away": lambda said, place, *_: _is_so_far(said, place),
    r"(seldom shown so far)": lambda _, place, *__: place.shown < 10,
    r"has (a|\d+) photos?": lambda said, place, *_: (
        len(place.animals[0].photos) == int(said.replace("a", "1"))
    ),
    r"good with (.+)": lambda said, place, *_: all(
        all(_good(who, GoodWith.YES, place.animals)) for who in said.split(" and ")
    ),
    r"nobody knows yet whether (?:she|he|it) likes (.+)": lambda said, place, _, asked: (
        any(_good(said, GoodWith.UNKNOWN, place.animals)) and _WHO[said] in asked.household
    ),
    r"(?:she|he|it) likes some (.+), not all": lambda said, place, *_: any(
        _good(said, GoodWith.SELECTIVE, place.animals)
    ),
    r"(nobody told how far away)": lambda _, place, __, asked: (
        place.animals[0].latitude is None and asked.max_distance_km is not None
    ),
    r"(nobody told the fee)": lambda _, place, *__: any(one.fee is None for one in place.animals),
    r"nobody told the (size|sex)": lambda said, place, *_: any(
        getattr(one, said) == "unknown" for one in place.animals
    ),
    r"nobody told whether it is (house)-trained": lambda _, place, __, asked: (
        asked.house_trained is not None and any(one.house_trained is None for one in place.animals)
    ),
    r"nobody told of (special) needs": lambda _, place, __, asked: (
        asked.special_needs is not None and any(one.special_needs is None for one in place.animals)
    ),
    r"the (shelter) wishes (?:her|him|it) to be seen": lambda _, place, *__: (
        place.animals[0].priority > 0
    ),
    r"(like those you looked at)": lambda _, place, seen, __: (
        place.parts["visitor"] > 0 and _many_are_similar(place.group, seen)
    ),
    r"(often opened by visitors)": lambda _, place, *__: (
        place.parts["animal_effect"] >= 0.2
        and place.parts["animal_effect"] + place.parts["appeal"] >= 0.2
    ),
    r"many visitors open (animals) like this one": lambda _, place, *__: (
        place.parts["appeal"] >= 0.2 and place.parts["animal_effect"] + place.parts["appeal"] >= 0.2
    ),
    r"(fits what you are looking for)": lambda _, place, *__: (
        place.parts["quiz"] == 0 and place.lifts["quiz"] > 0
    ),
    r"you (.+) (?:her|him|it|one of them)": lambda said, place, *_: (
        _DEEDS[said] in place.interactions
    ),
    r"(.+, like one you .+)": lambda said, place, seen, _: _is_alike(said, place.group, seen),
}


def is_true(
    reason: str, place: AnimalStanding, seen: Sequence[ContextEvent], asked: Eligibility
) -> bool:
    found = [
        (check, match[1]) for form, check in CHECKS.items() if (match := re.fullmatch(form, reason))
    ]
    assert len(found) == 1, reason
    check, said = found[0]
    return check(said, place, seen, asked)


def _is_alike(told: str, group: AnimalGroup | None, seen: Sequence[ContextEvent]) -> bool:
    assert group is not None
    said, did = told.split(", like one you ")
    others = [AnimalGroup.parse(one.item) for one in seen if one.event_type == _DEEDS[did]]
    known = [other for other in others if other is not None]
    if said in {"cat", "dog", "rabbit"}:
        return any(other.species == group.species for other in known)
    if said == group.breed:
        return any((other.species, other.breed) == (group.species, group.breed) for other in known)
    assert said.endswith(f" {group.breed}")
    return group in known


def _many_are_similar(group: AnimalGroup | None, seen: Sequence[ContextEvent]) -> bool:
    others = [AnimalGroup.parse(one.item) for one in seen if one.event_type in _DEEDS.values()]
    similar = {
        other
        for other in others
        if group is not None
        and other is not None
        and other.species == group.species
        and {(0, other.breed), (1, other.size), (2, other.age)}
        & {(0, group.breed), (1, group.size), (2, group.age)}
    }
    return len(similar) > 1


@given(
    stocks(most=6),
    rules,
    histories,
    lifts,
    lifts,
    st.integers(0, 20),
    st.booleans(),
    st.frozensets(st.sampled_from(("view", "favorite", "adoption"))),
)
def test_every_reason_is_true_of_its_animal_and_its_visitor(
    stock: list[Animal],
    asked: Eligibility,
    seen: list[ContextEvent],
    lifted: dict[str, float],
    parts: dict[str, float],
    shown: int,
    explored: bool,
    interactions: frozenset[str],
) -> None:
    for one in stock:
        animals = sorted(together(stock, one), key=lambda each: (each.listed_at, each.animal_id))
        first = animals[0]
        far = None if first.latitude is None else abs(first.latitude - 40) * 111.19508
        group = first.group_at(T0)
        place = AnimalStanding(animals, group, lifted, shown, far, explored, parts, interactions)
        reasons = said_of(place, *seen, asked=asked)
        assert len(reasons) <= MAX_REASONS
        assert len(set(reasons)) == len(reasons)
        assert all(is_true(reason, place, seen, asked) for reason in reasons)
        doubtful = any(
            getattr(each, f"good_with_{who}") in {GoodWith.UNKNOWN, GoodWith.SELECTIVE}
            for each in animals
            for who in asked.household
        )
        assert not doubtful or re.search("nobody knows yet|not all", " ".join(reasons))


def test_what_lifts_most_is_said_first_and_what_lifts_nothing_is_not() -> None:
    one = animal("a", listed=T0 - 84 * DAY, photos=("p",))
    lifted = dict.fromkeys(PARTS, -1.0) | {"waiting": 0.1, "group": 0.4}
    place = AnimalStanding([one], one.group_at(T0), lifted, 99, None, False, lifted)
    seen = [ContextEvent("2-Beagle-2-3", "favorite", T0)]
    said = ("adult medium Beagle, like one you saved", "waiting 84 days")
    assert said_of(place, *seen) == said


def test_an_animal_that_the_visitor_chose_is_not_said_to_be_like_itself() -> None:
    one = animal("a", sex="female")
    lifted = dict.fromkeys(PARTS, -1.0) | {"group": 0.4}
    place = AnimalStanding([one], one.group_at(T0), lifted, 99, None, False, lifted)
    seen = [ContextEvent("2-Beagle-2-3", "view", T0)]
    assert said_of(place, *seen) == ("adult medium Beagle, like one you looked at",)
    assert said_of(replace(place, interactions={"view"}), *seen) == ("you looked at her",)
    assert said_of(replace(place, interactions={"view", "favorite"}), *seen) == ("you saved her",)
    pair = replace(place, animals=[one, animal("b")], interactions={"view"})
    assert said_of(pair, *seen) == ("you looked at one of them",)
    not_lifted = replace(place, interactions={"view"}, lifts=dict.fromkeys(PARTS, -1.0))
    assert said_of(not_lifted, *seen) == ()


def standing(parts: dict[str, float], **lifts: float) -> AnimalStanding:
    """A place of a beagle with these parts, of which the named ones lift it."""
    one = animal("a")
    every = dict.fromkeys(PARTS, 0.0) | parts
    lifted = dict.fromkeys(PARTS, -1.0) | lifts
    return AnimalStanding([one], one.group_at(T0), lifted, 99, None, False, every)


def said_of(
    place: AnimalStanding, *seen: ContextEvent, asked: Eligibility = ANYBODY
) -> tuple[str, ...]:
    """Return the reasons as the API says them; each language has words for them, too."""
    reasons = reasons_for(place, seen, asked, T0, 14)
    for tag in languages():
        with speaking(tag):
            assert all(map(in_words, reasons))
    return tuple(map(str, reasons))


def test_who_looked_at_several_like_it_is_told_so_once() -> None:
    looked = [ContextEvent("2-Pug-2-1", "view", T0), ContextEvent("2-Boxer-4-3", "view", T0)]
    liked = standing({"visitor": 0.5}, visitor=0.4)
    assert said_of(liked, *looked) == ("like those you looked at",)
    assert said_of(liked, looked[0]) == (), "one is not several"
    assert said_of(liked, looked[0], looked[0]) == (), "nor is one that was looked at again"
    assert said_of(liked, ContextEvent("1-Manx-2-3", "view", T0), looked[0]) == ()
    assert said_of(liked, looked[0], ContextEvent("2-Pug-2-1", "dislike", T0)) == ()
    both = standing({"visitor": 0.5}, visitor=0.4, group=0.1)
    assert said_of(both, *looked) == ("dog, like one you looked at",)


def test_what_was_only_scrolled_past_gives_no_reason() -> None:
    less_unwanted = standing({"visitor": -0.2, "animal_effect": -0.5, "appeal": -0.1})
    lifted = dict.fromkeys(("visitor", "animal_effect", "appeal"), 0.4)
    looked = [ContextEvent("2-Pug-2-1", "view", T0)] * 2
    place = AnimalStanding(
        less_unwanted.animals,
        less_unwanted.group,
        dict(less_unwanted.lifts) | lifted,
        99,
        None,
        False,
        less_unwanted.parts,
    )
    assert said_of(place, *looked) == ()


def test_an_animal_that_visitors_open_often_is_said_to_be_and_no_other() -> None:
    wanted = standing({"animal_effect": 0.6, "appeal": -0.1}, animal_effect=0.5)
    assert said_of(wanted) == ("often opened by visitors",)
    kind = standing({"animal_effect": -0.1, "appeal": 0.6}, appeal=0.5)
    assert said_of(kind) == ("many visitors open animals like this one",)
    for parts in ({"animal_effect": 0.6, "appeal": -0.9}, {"animal_effect": 0.1}, {}):
        assert said_of(standing(parts, animal_effect=0.5, appeal=0.5)) == ()
