"""The service in a made-up market: its real parts, over a real database, through a training."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from benchmarks.markets.draw import Drawn, draw
from benchmarks.markets.ours import served
from benchmarks.markets.play import NEVER, Copy, Shown, play
from benchmarks.markets.worlds import WORLDS, smaller

from pawsonalize.animals.animal import AnimalStatus
from pawsonalize.recommend.live_model import LoadedModel
from pawsonalize.resources.defaults import RECOMMENDER
from tests.benchmarks.watching import Watching

MARKET = replace(
    smaller(WORLDS["wide"], 0.05),
    days=12,
    initial=40,
    visitors=150,
    sessions=300,
    demand=1.0,
    far=6.0,
    hidden=1.2,
    open_rate=0.2,
    bots=0,
)
"""What visitors open depends much on the animal and its distance, so that little is enough."""


@dataclass(frozen=True)
class Played:
    """What is left of the service once it is closed."""

    drawn: Drawn
    copy: Copy
    heard: list[Shown]
    trained: LoadedModel
    events: dict[str, int]
    pages: list[tuple[str, ...]]
    status: list[AnimalStatus]


@pytest.fixture(scope="module")
def played() -> Played:
    drawn = draw(MARKET, 2)
    with served(drawn, every=5, recipe="popularity-count") as ours:
        watching = Watching(ours)
        copy = play(drawn, {"ours": watching})["ours"]
        ours.engine.impression_log.close()
        adapters = ours.adapters
        found = adapters.animals.get_many([one.animal_id for one in drawn.animals])
        return Played(
            drawn,
            copy,
            watching.heard,
            ours.engine.live[RECOMMENDER].current,
            {kind: count for (_, kind), count in adapters.log.types().items()},
            [
                tuple(ids[0] for ids in page.animal_ids)
                for page in adapters.impressions.newest_pages(10_000)
                if page.animal_ids  # there may be nobody left to be shown
            ],
            [found[one.animal_id].status for one in drawn.animals],
        )


def test_a_training_in_the_market_learns_from_its_pages(played: Played) -> None:
    assert played.trained.choices.is_fitted


def test_counts_follow_the_log_between_trainings(played: Played) -> None:
    assert played.trained.counts is not None
    assert played.trained.cut.log_offset > played.trained.version.log_offset


def test_each_page_is_logged_as_it_was_shown(played: Played) -> None:
    shown = sorted(
        tuple(played.drawn.animals[place].animal_id for place in one.page.tolist())
        for one in played.heard
    )
    assert shown == sorted(played.pages)


def test_no_animal_is_shown_twice_in_one_session(played: Played) -> None:
    pages: dict[int, list[int]] = {}
    for shown in played.heard:
        pages.setdefault(shown.ask.session.number, []).extend(shown.page.tolist())
    assert any(len(shown) > MARKET.page for shown in pages.values()), "some turned the page"
    assert all(len(shown) == len(set(shown)) for shown in pages.values())


def test_what_visitors_do_is_in_the_log(played: Played) -> None:
    assert played.events["view"] == sum(int(one.opened.sum()) for one in played.heard)
    assert played.events["inquiry"] == sum(int(one.inquired.sum()) for one in played.heard)
    assert played.events["adoption"] == len(played.copy.home) > 0


def test_who_went_home_is_adopted_in_the_inventory_and_shown_no_more(played: Played) -> None:
    gone = np.flatnonzero(played.copy.gone < NEVER).tolist()
    assert gone == [n for n, one in enumerate(played.status) if one is AnimalStatus.ADOPTED]
    adopted = set[int]()
    for shown in played.heard:
        assert not adopted & set(shown.page.tolist())
        if shown.adopted is not None:
            adopted.add(shown.adopted)


def test_the_service_shows_no_known_no(played: Played) -> None:
    assert played.copy.refused == 0
    home, no = played.drawn.home, played.drawn.no
    assert any((no & one).any() for one in home), "there is somebody to be refused"


def test_the_service_answers_the_same_market_in_the_same_way() -> None:
    drawn = draw(replace(MARKET, days=3, sessions=60), 2)
    pages = []
    for _ in range(2):
        with served(drawn, every=1, recipe="popularity-count") as ours:
            watching = Watching(ours)
            play(drawn, {"ours": watching})
            pages.append([shown.page.tolist() for shown in watching.heard])
    assert pages[0] == pages[1]
