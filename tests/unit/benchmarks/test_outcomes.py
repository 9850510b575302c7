"""The demo world played on under several policies: fair between them, and true to each."""

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.adoption_world import NEVER, Copy, Dice, Request, Season, play
from benchmarks.ideal import Ideal
from benchmarks.outcomes import exposure, figures, ratios
from benchmarks.policies import NewestFirst, Oracle, ours
from numpy.typing import NDArray

from pawsonalize.demo import World, WorldSettings, generate
from pawsonalize.domain.times import DAY
from pawsonalize.engine.serving.animals.settings import AnimalSettings, Weights
from pawsonalize.recipes.contract import ContextEvent

END = 1_767_225_600_000


@pytest.fixture(scope="module")
def season() -> Season:
    settings = WorldSettings(animals=60, adopters=100, events=2_500, days=60)
    world = generate(settings, 3, END)
    return Season(world, world.start + 20 * DAY, demand=1.0)


class Watching:
    """Newest first, and remembers what it was asked."""

    def __init__(self, world: World) -> None:
        self.asked: list[Request] = []
        self._order = NewestFirst(world)

    def scores(self, request: Request) -> NDArray[np.floating]:
        self.asked.append(request)
        return self._order.scores(request)


def test_the_same_policy_in_two_copies_gives_the_same_season(season: Season) -> None:
    copies = play(season, {"a": NewestFirst(season.world), "b": NewestFirst(season.world)})
    assert (copies["a"].gone == copies["b"].gone).all()
    assert (copies["a"].gone < NEVER).any()


def test_a_policy_does_not_feel_what_it_is_compared_with(season: Season) -> None:
    alone = play(season, {"newest": NewestFirst(season.world)})["newest"]
    beside = play(season, {"oracle": Oracle(season.world), "newest": NewestFirst(season.world)})[
        "newest"
    ]
    assert (alone.gone == beside.gone).all()


def test_the_dice_of_a_session_are_the_same_for_every_policy(season: Season) -> None:
    first, again, other = (Dice.of(season, session) for session in (4, 4, 5))
    assert (first.pick == again.pick).all()
    assert (first.take == again.take).all()
    assert (first.take != other.take).any()


def test_who_was_adopted_is_shown_to_nobody_and_visits_no_more(season: Season) -> None:
    policy = Watching(season.world)
    copy = Copy(season, policy)
    for session in range(len(season.visits)):
        copy.visit(session, Dice.of(season, session))
    stock = season.world.oracle.stock
    for request in policy.asked:
        assert (copy.gone[request.animals] >= request.at).all()
        assert (stock.listed[request.animals] <= request.at).all()
    taken = copy.gone[(copy.gone > 0) & (copy.gone < NEVER)]
    assert len(taken) == len(copy.adopters), "one visitor takes one animal"


def test_a_copy_knows_only_what_its_own_visitors_did(season: Season) -> None:
    policy = Watching(season.world)
    play(season, {"watching": policy})
    later = [seen for one in policy.asked for seen in one.known if seen.time >= season.cut]
    assert later
    assert {seen.event_type for seen in later} == {"view"}
    assert all(seen.time < one.at for one in policy.asked for seen in one.known)


def test_arrivals_do_not_depend_on_the_worlds_own_adoptions(season: Season) -> None:
    """Whoever came after the cut is in the stock, however short the stay the world had drawn."""
    stock = season.world.oracle.stock
    assert (stock.listed[season.arrivals] >= season.cut).all()
    assert np.isin(season.arrivals, season.stock).all()


def test_figures_hold_together(season: Season) -> None:
    copy = play(season, {"newest": NewestFirst(season.world)})["newest"]
    told = figures(copy)
    assert told["adoptions"] == len(copy.adopters)
    assert told["adopted_share"] == told["adoptions"] / len(season.stock)
    slices = exposure(copy)
    assert copy.shown.sum() == pytest.approx(copy.even.sum())
    assert slices["waiting 0 days or more"] > 1 > slices["waiting 30 days or more"]


def test_of_one_group_ours_shows_first_who_waits_longest(season: Season) -> None:
    policy = ours(season, "popularity-count", AnimalSettings(Weights(0.3, 0, 0, 0, 0)), seed=0)
    world, at = season.world, season.cut + DAY
    scores = policy.scores(_first_page(season))
    there = world.oracle.available(at)[np.isfinite(scores)]
    scores = scores[np.isfinite(scores)]
    group, listed = world.oracle.group[there], world.oracle.stock.listed[there]
    crowded = np.flatnonzero(np.bincount(group) > 1)
    assert len(crowded)
    for code in crowded:
        same = group == code
        assert (np.argsort(-scores[same]) == np.argsort(listed[same])).all()


def test_ours_shows_nobody_who_is_known_not_to_live_with_whom_the_visitor_does(
    season: Season,
) -> None:
    policy = ours(season, "popularity-count", AnimalSettings(), seed=0)
    world = season.world
    with_kids = int(np.flatnonzero(world.oracle.utility.affinities.home & 1)[0])
    asked = replace(_first_page(season), visitor=with_kids)
    refused = ~np.isfinite(policy.scores(asked))
    known_no = world.oracle.stock.good_with[asked.animals, 0] == 0
    assert known_no.any()
    assert refused[known_no].all()


def test_the_ideal_learns_from_looks_what_a_stranger_to_it_may_like(season: Season) -> None:
    world, asked = season.world, _first_page(season)
    stock = world.oracle.stock
    cats = asked.animals[stock.traits.species[asked.animals] == 0]
    asked = replace(asked, animals=cats)
    babies = stock.traits.age[cats] == 0
    looked = world.groups[world.oracle.group[cats[np.flatnonzero(babies)[0]]]].id
    ideal = Ideal(world)

    def lead(*items: str) -> float:
        """How far the babies are above the others."""
        seen = tuple(
            ContextEvent(item, "view", asked.at - DAY * n) for n, item in enumerate(items, 1)
        )
        scores = ideal.scores(replace(asked, known=seen))
        return float(scores[babies].mean() - scores[~babies].mean())

    assert lead(looked, looked, looked) > lead(looked) > lead()
    assert lead("of no group here") == lead()


def _first_page(season: Season) -> Request:
    """The first visitor's, a day after the cut."""
    at = season.cut + DAY
    there = season.world.oracle.available(at)
    nothing = np.zeros(len(season.world.groups))
    return Request(0, at, there, (), nothing, np.zeros(len(season.world.oracle.stock)))


def test_the_way_to_the_oracle_is_of_the_sums_over_worlds() -> None:
    def played(*adoptions: float) -> list[dict[str, float]]:
        return [{"adoptions": n, "rmst90": 100 / n, "hardest_adopted": n / 100} for n in adoptions]

    told = {"newest first": played(10, 20), "ours": played(15, 30), "oracle": played(20, 40)}
    assert ratios(told, "ours")["way"] == [0.5, 0.5, 0.5]
    assert ratios(told, "newest first")["way"] == [0, 0, 0]
    assert ratios(told, "ours")["hardest_to_oracle"] == [0.75, 0.75, 0.75]
    told["oracle"][0]["rmst90"] = float("nan")  # nobody was followed so long
    assert ratios(told, "ours")["rmst90_to_oracle"] == pytest.approx([4 / 3] * 3, abs=1e-3)
