"""Available animals made up by hypothesis, and queries about them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from hypothesis import strategies as st

from pawsonalize.animals.animal import Animal
from pawsonalize.core.attributes import GoodWith
from pawsonalize.core.times import DAY
from pawsonalize.models.recipes.choices.model import UNFITTED, ChoiceModel
from pawsonalize.recommend.animals import factors
from pawsonalize.recommend.animals.available import AvailableAnimals, Slots
from pawsonalize.recommend.animals.choices import ChoiceTables, ChoiceWeights, GroupAffinity
from pawsonalize.recommend.animals.eligibility import ANYBODY, Denied, Eligibility, Place
from pawsonalize.recommend.animals.pages import NO_PAGES, Pages
from pawsonalize.recommend.animals.scoring import ScoringInputs, choose, estimate
from pawsonalize.recommend.animals.settings import AnimalSettings
from tests.animal_data import animal
from tests.event_data import T0

GROUPS = ("1-Siamese-1-2", "1-Manx-1-3", "2-Beagle-2-3", "2-Pug-unknown-1", "3-Lop-Eared-1-1")
HERE = Place(40.0, -120.0)

_answers = st.sampled_from(GoodWith)


@st.composite
def stocks(draw: st.DrawFn, most: int = 25) -> list[Animal]:
    """Animals of a few groups, of which much is not known and some are bonded."""
    near = st.one_of(st.none(), st.floats(38, 42))
    return [
        animal(
            f"a{number:02}",
            draw(st.sampled_from(GROUPS)),
            listed=T0 - draw(st.integers(0, 200)) * DAY,
            good_with_kids=draw(_answers),
            good_with_dogs=draw(_answers),
            good_with_cats=draw(_answers),
            photos=("p",) * draw(st.integers(0, 4)),
            fee=draw(st.one_of(st.none(), st.floats(0, 300))),
            latitude=(latitude := draw(near)),
            longitude=None if latitude is None else -120.0,
            bonded_unit=draw(st.sampled_from((None, None, None, "pair", "trio"))),
            secondary_breed=draw(st.sampled_from((None, "Boxer"))),
            sex=draw(st.sampled_from(("female", "male", "unknown"))),
            house_trained=draw(st.sampled_from((None, True, False))),
            special_needs=draw(st.sampled_from((None, True, False))),
            priority=draw(st.sampled_from((0.0, 0.0, 0.5, 1.0))),
        )
        for number in range(draw(st.integers(0, most)))
    ]


rules = st.builds(
    Eligibility,
    kids=st.booleans(),
    dogs=st.booleans(),
    cats=st.booleans(),
    species=st.frozensets(st.sampled_from("123"), max_size=2),
    sizes=st.frozensets(st.sampled_from("12"), max_size=2),
    ages=st.frozensets(st.sampled_from("123"), max_size=2),
    sexes=st.frozensets(st.sampled_from(("female", "male")), max_size=1),
    house_trained=st.sampled_from((None, None, True, False)),
    special_needs=st.sampled_from((None, None, True, False)),
    max_fee=st.one_of(st.none(), st.floats(0, 300)),
    place=st.just(HERE),
    max_distance_km=st.one_of(st.none(), st.floats(0, 300)),
    denied=st.builds(
        Denied,
        animals=st.frozensets(st.sampled_from(("a00", "a01", "zz"))),
        breeds=st.frozensets(st.sampled_from(("Pug", "Boxer")), max_size=1),
        groups=st.frozensets(st.sampled_from(GROUPS), max_size=1),
    ),
)


def available_from(
    animals: Iterable[Animal], shown: dict[str, float] | None = None
) -> AvailableAnimals:
    """Return these animals as available ones, as of T0."""
    available = AvailableAnimals()
    here = defaultdict(list)
    for one in animals:
        here[one.group_at(T0).id].append(one)
    available.put((), here, shown or {})
    return available


def question_of(
    available: AvailableAnimals,
    affinity: Mapping[str, float] | None = None,
    asked: Eligibility = ANYBODY,
    settings: AnimalSettings | None = None,
    pages: Pages = NO_PAGES,
    model: ChoiceModel = UNFITTED,
    at: int = T0,
) -> ScoringInputs:
    """A question; groups that are not told of are liked as by anybody."""
    each = np.array([(affinity or {}).get(name, 0.0) for name in available.codes["group"]], float)
    settings = settings or AnimalSettings()
    lost = np.where(np.isneginf(each), np.inf, 0.0)
    each[np.isneginf(each)] = 0.0
    tables = ChoiceTables(model, ChoiceWeights.of(model, settings.weights))
    near = factors.near(available.places, asked.place)
    liked = GroupAffinity(each, np.zeros(len(each)))
    return ScoringInputs(
        available=available,
        eligibility=asked,
        at=at,
        tables=tables,
        settings=settings,
        liked=liked,
        personal=tables.of(available, pages, liked, near),
        lost=lost,
        disliked=np.empty(0, np.int64),
        near=near,
    )


def best_of(question: ScoringInputs, limit: int) -> Slots:
    """The animals of the highest utility that may be shown."""
    return choose(question, estimate(question), limit)


def ids_of(available: AvailableAnimals, slots: Iterable[int]) -> list[str]:
    """The animals in the slots."""
    return [available.ids[slot] for slot in slots]


def _is_not_as_asked(animal: Animal, asked: Eligibility) -> bool:
    answers = (
        (asked.house_trained, animal.house_trained),
        (asked.special_needs, animal.special_needs),
    )
    return (
        bool(asked.sizes and animal.size not in asked.sizes | {"unknown"})
        or bool(asked.ages and animal.age not in asked.ages)
        or bool(asked.sexes and animal.sex not in asked.sexes | {"unknown"})
        or any(None not in {wanted, told} and wanted != told for wanted, told in answers)
    )


def violates(animal: Animal, asked: Eligibility) -> bool:
    """Whether a record says no to one of the rules, read as a person would."""
    if any(getattr(animal, f"good_with_{who}") is GoodWith.NO for who in asked.household):
        return True
    if asked.species and animal.species not in asked.species:
        return True
    if _is_not_as_asked(animal, asked):
        return True
    if asked.max_fee is not None and animal.fee is not None and animal.fee > asked.max_fee:
        return True
    # All are on the meridian of the visitor: a degree of latitude is 111.195 km.
    far = 0.0 if animal.latitude is None else abs(animal.latitude - HERE.latitude) * 111.19508
    if asked.max_distance_km is not None and far > asked.max_distance_km * 1.000001:
        return True
    denied = asked.denied
    return (
        animal.animal_id in denied.animals
        or not denied.breeds.isdisjoint({animal.breed, animal.secondary_breed})
        or animal.group_at(T0).id in denied.groups
    )


def together(animals: Sequence[Animal], one: Animal) -> list[Animal]:
    """Who shares the animal's place."""
    if one.bonded_unit is None:
        return [one]
    return [other for other in animals if other.bonded_unit == one.bonded_unit]
