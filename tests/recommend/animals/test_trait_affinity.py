"""What a visitor looks at more often than it is there is what the visitor wants."""

import numpy as np
import pytest
from msgspec.structs import replace

from pawsonalize.models.recipes.classes import LatentClasses
from pawsonalize.models.recipes.contract import Context, ContextEvent
from pawsonalize.models.recipes.data import Facet
from pawsonalize.recommend.animals.available import Codes
from pawsonalize.recommend.animals.choices import TraitAffinity
from pawsonalize.recommend.animals.settings import AffinitySettings
from tests.event_data import T0

THERE = {
    "2-Beagle-2-1": 30,
    "2-Beagle-2-3": 30,
    "2-Pug-1-1": 20,
    "2-Pug-1-3": 20,
    "1-Siamese-1-1": 50,
    "1-Manx-1-3": 50,
}


def weighed(
    *seen: str,
    settings: AffinitySettings | None = None,
    wanted: tuple[Facet, ...] = (),
    classes: LatentClasses | None = None,
) -> dict[str, float]:
    codes = Codes()
    there = np.array([THERE[name] for name in THERE if codes[name] >= 0])
    context = Context(tuple(ContextEvent(item, "view", T0) for item in seen), T0, facets=wanted)
    taste = TraitAffinity().of(context, codes, there, settings or AffinitySettings(), classes)
    return dict(zip(codes, taste.affinity.tolist(), strict=True))


def test_whom_nothing_is_known_of_has_no_taste() -> None:
    assert set(weighed().values()) == {0.0}


def test_who_looks_at_babies_wants_babies_of_that_species_and_says_nothing_of_another() -> None:
    told = weighed("2-Beagle-2-1", "2-Pug-1-1")
    assert told["2-Beagle-2-1"] > told["2-Beagle-2-3"]
    assert told["2-Pug-1-1"] > told["2-Pug-1-3"]
    assert told["2-Beagle-2-3"] > told["1-Siamese-1-1"] == told["1-Manx-1-3"]


def test_what_there_is_most_of_is_looked_at_most_without_being_wanted_more() -> None:
    alike = weighed(*(name for name, count in THERE.items() for _ in range(count)))
    assert max(map(abs, alike.values())) < 0.02


def test_each_look_counts_by_its_share_of_the_events_over_its_share_of_the_stock() -> None:
    only_age = AffinitySettings(species=0, breed=0, family=0, size=0, age=2.0, doubt=3.0)
    told = weighed("2-Pug-1-1", settings=only_age)
    share = (50 + 0.5) / (100 + 1)  # of babies among the dogs, and of the grown
    assert told["2-Beagle-2-1"] == pytest.approx(2 * np.log((1 + 3 * share) / (4 * share)))
    assert told["2-Beagle-2-3"] == pytest.approx(2 * np.log(3 / 4))


def test_items_that_are_no_groups_or_not_here_are_taken_as_they_are() -> None:
    assert set(weighed("a mug").values()) == {0.0}
    assert len(set(weighed("9-Dragon-4-4").values())) == 1
    gone = weighed("2-Beagle-4-1")
    assert gone["2-Beagle-2-1"] > gone["2-Pug-1-1"] > gone["2-Pug-1-3"]


def test_the_stock_is_counted_anew_when_it_changes() -> None:
    codes, tastes = Codes(), TraitAffinity()
    context = Context((ContextEvent("2-Pug-1-1", "view", T0),), T0)
    before = tastes.of(
        context, codes, np.array([9, 1])[: codes["2-Pug-1-1"] + 1], AffinitySettings()
    )
    assert len(before.affinity) == 1
    assert codes["2-Beagle-2-3"] == 1
    rare = tastes.of(context, codes, np.array([1, 99]), AffinitySettings()).affinity
    common = tastes.of(context, codes, np.array([99, 1]), AffinitySettings()).affinity
    assert rare[0] > common[0] > 0 > common[1]


def test_what_does_not_match_the_quiz_loses_less_with_every_event() -> None:
    def lost(*seen: str, wanted: tuple[Facet, ...]) -> dict[str, float]:
        codes = Codes()
        there = np.array([THERE[name] for name in THERE if codes[name] >= 0])
        context = Context(tuple(ContextEvent(item, "view", T0) for item in seen), T0, facets=wanted)
        found = TraitAffinity().of(context, codes, there, AffinitySettings()).quiz
        return dict(zip(codes, found.tolist(), strict=True))

    cats = (("user.PREFERRED_SPECIES", "1"), ("user.PREFERRED_AGE", "1"))
    told = lost(wanted=cats)
    assert told["1-Siamese-1-1"] == 0
    assert told["1-Manx-1-3"] == told["2-Pug-1-1"] == -AffinitySettings().wish
    assert told["2-Pug-1-3"] == 2 * told["2-Pug-1-1"]
    after = lost(*["2-Pug-1-3"] * 5, "a mug", wanted=cats)
    assert after == pytest.approx({name: value / 2 for name, value in told.items()})
    assert set(lost("2-Pug-1-3", wanted=(("user.KIDS", "yes"),)).values()) == {0.0}
    assert weighed(wanted=cats) == weighed()


def classes_of_dogs() -> LatentClasses:
    """Half of the visitors look at small grown dogs and have cats, half at medium babies."""
    shares = {
        ("species", ("", "2")): (1.0, 1.0),
        ("size", ("2", "1")): (0.9, 0.1),
        ("size", ("2", "2")): (0.1, 0.9),
        ("age", ("2", "1")): (0.2, 0.8),
        ("age", ("2", "3")): (0.8, 0.2),
    }
    told = {("user.CATS", "yes"): (0.9, 0.1), ("user.CATS", "no"): (0.1, 0.9)}
    return LatentClasses.of(
        shares,
        told,
        np.log([0.5, 0.5]),
        np.log(np.array(list(shares.values())).T),
        np.log(np.array(list(told.values())).T),
    )


def test_what_the_like_of_the_visitor_look_at_counts_as_some_events_of_the_visitor() -> None:
    only_age = AffinitySettings(species=0, breed=0, family=0, size=0, age=2.0, doubt=3.0)
    first = 0.9 * 0.8 / (0.9 * 0.8 + 0.1 * 0.2)  # how far the visitor is of the first class
    expected = 3 * (first * 0.2 + (1 - first) * 0.8) / 4
    share = (50 + 0.5) / (100 + 1)  # of babies among the dogs; half of the looks go to babies
    for usual, compared in ((0.0, share), (1.0, 0.5), (0.5, np.sqrt(share * 0.5))):
        settings = replace(only_age, usual=usual)
        told = weighed("2-Pug-1-3", settings=settings, classes=classes_of_dogs())
        assert told["2-Beagle-2-1"] == pytest.approx(2 * np.log(expected / compared))


def test_with_whom_the_visitor_lives_says_what_their_like_look_at() -> None:
    cats = weighed(wanted=(("user.CATS", "yes"),), classes=classes_of_dogs())
    assert cats["2-Pug-1-3"] > cats["2-Pug-1-1"] > cats["2-Beagle-2-1"]
    assert set(weighed(classes=classes_of_dogs()).values()) == {0.0}


def test_of_a_look_that_no_class_knows_the_stock_is_expected() -> None:
    only_family = AffinitySettings(species=0, breed=0, family=1.0, size=0, age=0)
    seen = ("2-Pug-1-1", "2-Beagle-2-1")
    told = weighed(*seen, settings=only_family, classes=classes_of_dogs())
    assert told == pytest.approx(weighed(*seen, settings=only_family))


def test_each_model_has_classes_of_its_own() -> None:
    codes, tastes, context = (
        Codes(),
        TraitAffinity(),
        Context((ContextEvent("2-Pug-1-3", "view", T0),), T0),
    )
    there = np.array([THERE[name] for name in THERE if codes[name] >= 0])
    first = classes_of_dogs()
    turned = LatentClasses.of(
        list(first.values)[::-1], (), first.size, first.traits[:, ::-1], np.zeros((2, 0))
    )
    told = [
        tastes.of(context, codes, there, AffinitySettings(), classes).affinity
        for classes in (first, turned, None, first)
    ]
    assert told[0] == pytest.approx(told[1])
    assert told[0] == pytest.approx(told[3])
    assert told[0] != pytest.approx(told[2])
