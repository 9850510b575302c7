"""What a visitor looks at more often than it is there is what the visitor wants."""

import numpy as np
import pytest

from pawsonalize.engine.animals.settings import TasteSettings
from pawsonalize.engine.animals.shelf import Codes
from pawsonalize.engine.animals.taste import Tastes
from pawsonalize.recipes.contract import Context, Seen
from pawsonalize.recipes.facets import Facet
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
    *seen: str, settings: TasteSettings | None = None, wanted: tuple[Facet, ...] = ()
) -> dict[str, float]:
    codes = Codes()
    there = np.array([THERE[name] for name in THERE if codes[name] >= 0])
    context = Context(tuple(Seen(item, "view", T0) for item in seen), T0, facets=wanted)
    taste = Tastes().of(context, codes, there, settings or TasteSettings())
    return dict(zip(codes, taste.tolist(), strict=True))


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
    only_age = TasteSettings(species=0, breed=0, family=0, size=0, age=2.0, doubt=3.0)
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
    codes, tastes = Codes(), Tastes()
    context = Context((Seen("2-Pug-1-1", "view", T0),), T0)
    before = tastes.of(context, codes, np.array([9, 1])[: codes["2-Pug-1-1"] + 1], TasteSettings())
    assert len(before) == 1
    assert codes["2-Beagle-2-3"] == 1
    rare = tastes.of(context, codes, np.array([1, 99]), TasteSettings())
    common = tastes.of(context, codes, np.array([99, 1]), TasteSettings())
    assert rare[0] > common[0] > 0 > common[1]


def test_what_the_visitor_said_to_look_for_comes_first_and_counts_less_with_every_event() -> None:
    cats = (("user.PREFERRED_SPECIES", "1"), ("user.PREFERRED_AGE", "1"))
    told = weighed(wanted=cats)
    assert told["1-Siamese-1-1"] == 0
    assert told["1-Manx-1-3"] == told["2-Pug-1-1"] == -TasteSettings().wish
    assert told["2-Pug-1-3"] == 2 * told["2-Pug-1-1"]
    dogs = weighed(*["2-Pug-1-3"] * 12, wanted=cats)
    assert dogs["2-Pug-1-3"] > dogs["1-Siamese-1-1"]
    assert weighed(wanted=(("user.KIDS", "yes"),)) == weighed()
