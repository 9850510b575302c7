"""Held-out places are counted in bins known before a page is shown: a right model is off nowhere.

Pages of 40 are drawn from known chances. Visitors differ in how much they open, and animals in how
much they are opened, beyond what any model of their attributes knows.
"""

import msgspec
import numpy as np
import pytest
from scipy.special import expit

from pawsonalize.core.times import DAY, HOUR
from pawsonalize.models.calibration import CalibrationRow, describe_off, find_off
from pawsonalize.models.recipes.choices.calibration import ANSWERED, are_later_visits, calibrate
from pawsonalize.models.recipes.choices.effects import FACTORS, TRAITS, ShownPlaces, usual_attention
from pawsonalize.models.recipes.choices.model import fit_choices
from pawsonalize.models.recipes.choices.scales import days_waited, kilometres
from pawsonalize.models.recipes.data import Floats
from pawsonalize.recommend.animals.factors import distance, waiting
from tests.models.recipes.choices.simulated import World, drawn

PLACES, PAGES, ANIMALS = 40, 6_000, 150
NAMES = {trait: [f"{trait}/{code}" for code in range(4)] for trait in TRAITS}
Drawn = tuple[ShownPlaces, Floats]


def draw(seed: int = 0, pages: int = PAGES) -> Drawn:
    """Pages, and the chance of each place to be opened without what nobody can know."""
    rng, rows = np.random.default_rng(seed), pages * PLACES
    visitor, visit = rng.integers(0, pages // 2, pages), np.arange(pages)
    visitor, visit = np.repeat(visitor, PLACES), np.repeat(visit, PLACES)
    animal = np.concatenate([rng.choice(ANIMALS, PLACES, replace=False) for _ in range(pages)])
    place = np.tile(np.arange(PLACES), pages)
    factors = {name: np.zeros(rows) for name in FACTORS}
    factors["waiting"] = rng.uniform(0.01, 1, ANIMALS)[animal]
    factors["distance"] = -rng.uniform(0.01, 1, rows)
    factors["seen"] = np.where(rng.random(rows) < 0.2, np.log(2), 0)
    factors[ANSWERED] = (rng.random(pages) < 0.3)[visit].astype(float)
    odds = -2.5 + 1.5 * factors["distance"]
    expected = usual_attention()[place] * expit(odds)
    spread = 1.2  # a mean of 1, so that they change nothing on the whole
    differing = rng.lognormal(-(spread**2) / 2, spread, pages // 2)[visitor]
    liked = rng.lognormal(-0.045, 0.3, ANIMALS)[animal]
    opened = rng.random(rows) < expected * differing * liked
    traits = {name: rng.integers(0, 4, ANIMALS) for name in TRAITS}
    by_chance, nobody = rng.random(rows) < 0.1, np.zeros(rows, np.bool_)
    columns = (visitor, visit, animal, place, opened, nobody, by_chance)
    return ShownPlaces(*columns, factors, traits), expected


def count(shown: ShownPlaces, expected: Floats) -> tuple[CalibrationRow, ...]:
    return calibrate(shown, expected, are_later_visits(shown), NAMES)


def test_a_right_model_is_off_nowhere_though_visitors_and_animals_differ() -> None:
    for seed in range(5):
        rows = count(*draw(seed))
        assert find_off(rows) == (), seed
        assert sum(row.is_judged for row in rows) > 20
        bins = {row.by for row in rows}
        assert bins == {
            *("all", "place", "days waited", "distance", "times seen", "explored", "visit"),
            *("answered", "group"),
        }
        for by in bins:
            alike = [row for row in rows if row.by == by]
            assert sum(row.places for row in alike) == PAGES * PLACES, "each place is in one bin"


@pytest.mark.parametrize(
    ("by", "name", "clause"),
    [
        ("place", "places 25 to 48", "animals at places 25 to 48"),
        ("days waited", "under 3 days", "animals that waited under 3 days"),
        ("visit", "first visit", "animals in a visitor's first visit"),
        (
            ANSWERED,
            "a board or the quiz",
            "animals shown to visitors who had answered a board or the quiz",
        ),
        ("distance", "30 to 100 km", "animals 30 to 100 km away"),
    ],
)
def test_a_model_that_is_wrong_in_one_bin_is_named_by_it(by: str, name: str, clause: str) -> None:
    shown, expected = draw(pages=2 * PAGES)
    parts = {
        "place": shown.place >= 24,
        "days waited": days_waited(shown.factors["waiting"]) < 3,
        "visit": ~are_later_visits(shown),
        ANSWERED: shown.factors[ANSWERED] > 0,
        "distance": np.digitize(kilometres(shown.factors["distance"]), (30, 100)) == 1,
    }
    off = find_off(count(shown, np.where(parts[by], expected / 1.6, expected)))
    furthest = max(off, key=lambda row: row.ratio)
    assert (furthest.by, furthest.bin) == (by, name)
    (text,) = describe_off((furthest,))
    assert f"{clause} are opened 1." in text


def test_bins_do_not_depend_on_what_was_opened() -> None:
    shown, expected = draw()
    turned = msgspec.structs.replace(shown, opened=~shown.opened)
    bins = [
        [(row.by, row.bin, row.places, row.expected) for row in count(one, expected)]
        for one in (shown, turned)
    ]
    assert bins[0] == bins[1]


def test_what_few_animals_are_like_is_luck() -> None:
    shown, expected = draw(pages=2 * PAGES)
    of_few = shown.animal < 8
    few = shown.take(of_few)
    opened = np.random.default_rng(0).random(len(few)) < 2 * expected[of_few]
    rows = count(msgspec.structs.replace(few, opened=opened), expected[of_few])
    (total,) = (row for row in rows if row.by == "all")
    assert total.is_judged
    assert total.ratio > 1.5
    assert not total.is_off()


def test_a_visitors_first_visit_is_the_first_of_all_pages_that_are_read() -> None:
    shown, _ = draw(pages=4)
    visits = np.repeat([7, 7, 5, 9], PLACES)
    visitors = np.repeat([1, 1, 1, 2], PLACES)
    some = msgspec.structs.replace(shown, visit=visits, visitor=visitors)
    assert are_later_visits(some).tolist() == [*[False] * 80, *[True] * 40, *[False] * 40]


def test_days_and_distances_that_nobody_knew_have_a_bin_of_their_own() -> None:
    shown, expected = draw(pages=3)
    first = shown.visit == 0
    factors = dict(shown.factors)
    for name in ("waiting", "distance"):
        factors[name] = np.where(first, 0.0, factors[name])
    rows = count(msgspec.structs.replace(shown, factors=factors), expected)
    unknown = {row.bin: row.places for row in rows if "unknown" in row.bin}
    assert unknown == {f"an unknown number of {unit}": PLACES for unit in ("days", "km")}


def test_scales_lead_back_to_days_and_kilometres() -> None:
    days = np.array([0.0, 1.0, 14.0, 200.0, 365.0])
    listed = 1_000 * DAY - days * DAY
    assert days_waited(waiting(listed, 1_000 * DAY // HOUR)) == pytest.approx(days)
    away = np.array([0.0, 3.0, 30.0, 499.0])
    assert kilometres(distance(away)) == pytest.approx(away)


def test_a_model_whose_attention_does_not_fit_the_site_says_so_on_its_card() -> None:
    steep = drawn(World(pages=9_000, intercept=0.5, fades=1.2))
    off = find_off(fit_choices(steep.shown, steep.names, pages=9_000).calibration)
    assert {"place 1", "places 7 to 12"} <= {row.bin for row in off}
    right = drawn(World(pages=9_000, intercept=0.5))
    model = fit_choices(right.shown, right.names, pages=9_000)
    assert sum(row.is_judged for row in model.calibration) > 10
    assert find_off(model.calibration) == ()
