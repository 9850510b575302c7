"""Made-up markets: drawn from seeds, fair between orders, with clicks that come about as said."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from benchmarks.markets.draw import Drawn, Floats, Ints, Mask, draw
from benchmarks.markets.knowing import KNOWING, Acquainted, Informed, Oracle
from benchmarks.markets.play import NEVER, Ask, Shown, play
from benchmarks.markets.rivals import SIMPLE, ContentProfile, Newest, Popular, key_of
from benchmarks.markets.worlds import TUNING_SEEDS, VERDICT_SEEDS, WORLDS, Market, smaller

from tests.benchmarks.watching import Watching

TINY = replace(smaller(WORLDS["town"], 0.05), days=20, demand=0.6)
INDIFFERENT = Market(
    taste=0,
    hidden=0,
    shown=0,
    whim=0,
    far=0,
    households=False,
    asks_species=False,
    demand=1e-9,
    days=20,
    initial=40,
    arrivals=0,
    sessions=600,
    visitors=200,
    bots=0,
    open_rate=0.5,
)
"""Everybody makes the same of every animal, and takes none home."""


@pytest.fixture(scope="module")
def tiny() -> Drawn:
    return draw(TINY, 3)


def every_rival(drawn: Drawn) -> Mapping[str, Watching]:
    return {name: Watching(of(drawn)) for name, of in {**SIMPLE, **KNOWING}.items()}


def test_no_seed_is_both_for_tuning_and_for_the_verdict() -> None:
    assert not set(TUNING_SEEDS) & set(VERDICT_SEEDS)
    assert len(set(VERDICT_SEEDS)) >= 5


def test_a_seed_always_gives_the_same_market_and_another_seed_another(tiny: Drawn) -> None:
    again, other = draw(TINY, 3), draw(TINY, 4)
    assert again.animals == tiny.animals
    assert again.sessions == tiny.sessions
    assert (again.appeal == tiny.appeal).all()
    assert all((again.taste[name] == tiny.taste[name]).all() for name in tiny.taste)
    assert other.sessions != tiny.sessions


def test_an_order_does_not_feel_what_it_is_played_beside(tiny: Drawn) -> None:
    alone = play(tiny, {"one": ContentProfile(tiny)})["one"]
    beside = play(tiny, {"oracle": Oracle(tiny), "one": ContentProfile(tiny)})["one"]
    assert (alone.gone < NEVER).any()
    assert (alone.gone == beside.gone).all()
    assert (alone.on_page == beside.on_page).all()


def test_who_is_adopted_is_shown_no_more_and_who_adopts_visits_no_more(tiny: Drawn) -> None:
    watching = every_rival(tiny)
    copies = play(tiny, watching)
    assert watching
    for name, one in watching.items():
        adopted, adopters = set[int](), set[int]()
        for shown in one.heard:
            assert not adopted & set(shown.page.tolist())
            assert shown.ask.session.visitor not in adopters
            if shown.adopted is not None:
                adopted.add(shown.adopted)
                adopters.add(shown.ask.session.visitor)
        assert adopted == set(np.flatnonzero(copies[name].gone < NEVER).tolist())
        assert len(adopted) == len(adopters) > 0


def test_nobody_is_adopted_twice_by_visitors_of_the_same_minutes(tiny: Drawn) -> None:
    crowded = tuple(replace(one, at=tiny.end) for one in tiny.sessions)
    watching = Watching(Oracle(tiny))
    play(replace(tiny, sessions=crowded), {"one": watching})
    adopted = [shown.adopted for shown in watching.heard if shown.adopted is not None]
    assert len(adopted) == len(set(adopted)) > 1


def test_what_was_shown_is_not_shown_again_in_the_session(tiny: Drawn) -> None:
    longer = tuple(replace(session, pages=3) for session in tiny.sessions)
    one = Watching(Popular(tiny))
    play(replace(tiny, market=replace(TINY, page=4), sessions=longer), {"one": one})
    pages: dict[int, set[int]] = {}
    for shown in one.heard:
        before = pages.setdefault(shown.ask.session.number, set())
        assert not before & set(shown.page.tolist())
        before.update(shown.page.tolist())
    assert len(one.heard) > len(pages) + 100


def test_an_order_that_shows_an_animal_again_is_refused(tiny: Drawn) -> None:
    class Again(Anybody):
        def page(self, ask: Ask, size: int) -> Ints:
            return np.flatnonzero(tiny.listed <= ask.at)[:size]

    with pytest.raises(ValueError, match="on an earlier page"):
        play(tiny, {"again": Again()})


def test_who_is_acquainted_knows_tastes_from_the_second_page_on(tiny: Drawn) -> None:
    one = Watching(Acquainted(tiny))
    play(tiny, {"one": one})
    met = set[int]()
    for shown in one.heard:
        visitor, page = shown.ask.session.visitor, shown.page
        knows = tiny.expected if key_of(shown.ask) in met else tiny.expected_of_anybody
        assert (np.diff(knows(visitor, page)) <= 0).all()
        met.add(key_of(shown.ask))
    assert len(met) < len(one.heard)


def test_who_is_informed_learns_animals_and_visitors_from_what_is_opened() -> None:
    market = replace(TINY, hidden=1.0, taste=1.5, whim=0, open_rate=0.2, demand=0.1, visitors=10)
    drawn = draw(market, 1)
    learned, new = Informed(drawn), Informed(drawn)
    play(drawn, {"one": learned})
    everybody = np.arange(len(drawn.animals))
    kept = [shown[-1].ask for key, shown in learned.pages.items() if key >= 0 and len(shown) > 5]
    assert len(kept) > 3

    def right(order: Informed, ask: Ask) -> float:
        true = drawn.expected(ask.session.visitor, everybody)
        return float(np.corrcoef(order.scores(ask, everybody), true)[0, 1])

    before, after = (np.mean([right(order, ask) for ask in kept]) for order in (new, learned))
    assert after > before + 0.1


class Anybody:
    """Shows whoever is there."""

    def page(self, ask: Ask, size: int) -> Ints:
        return ask.there[:size]

    def hear(self, shown: Shown) -> None:
        """Nothing is learned."""


def test_a_known_no_is_counted_and_no_rival_shows_one(tiny: Drawn) -> None:
    copies = play(tiny, {"anybody": Anybody(), **every_rival(tiny)})
    refused = {name: copy.refused for name, copy in copies.items()}
    assert refused.pop("anybody") > 0
    assert set(refused.values()) == {0}


def test_who_knows_whims_places_more_animals_than_who_shows_the_newest() -> None:
    placed = {"newest": 0, "oracle": 0}
    for seed in (1, 2, 3):
        drawn = draw(TINY, seed)
        for name, copy in play(drawn, {"newest": Newest(drawn), "oracle": Oracle(drawn)}).items():
            placed[name] += int((copy.gone < drawn.end).sum())
    assert placed["oracle"] > 1.1 * placed["newest"]


def first_pages(market: Market) -> list[Shown]:
    """Each session's; on later ones the animals that were wanted are missing."""
    drawn = draw(market, 1)
    watching = Watching(Newest(drawn))
    play(drawn, {"one": watching})
    return list({shown.ask.session.number: shown for shown in reversed(watching.heard)}.values())


def opened_by_place(market: Market) -> Floats:
    return np.asarray(np.mean([shown.opened for shown in first_pages(market)], axis=0))


def test_by_position_a_place_is_looked_at_the_less_the_lower_it_stands() -> None:
    rate = opened_by_place(replace(INDIFFERENT, clicks="position", attention=0.6))
    expected = 0.5 / np.arange(1, 21) ** 0.6
    assert np.abs(rate - expected).max() < 0.08


def test_without_a_loss_of_attention_all_places_are_looked_at() -> None:
    rate = opened_by_place(replace(INDIFFERENT, clicks="position", attention=0))
    assert np.abs(rate - 0.5).max() < 0.08


def test_in_a_cascade_a_visitor_goes_on_with_the_chances_said() -> None:
    rate = opened_by_place(replace(INDIFFERENT, clicks="cascade", patience=0.9, returns=0.5))
    expected = 0.5 * (0.5 * 0.9 + 0.5 * 0.5) ** np.arange(20)
    assert np.abs(rate - expected).max() < 0.08


def test_in_a_cascade_nothing_is_opened_below_where_a_visitor_stops() -> None:
    def opened(patience: float) -> list[Mask]:
        market = replace(INDIFFERENT, clicks="cascade", patience=patience, returns=0)
        return [shown.opened for shown in first_pages(market)]

    assert max(mask.sum() for mask in opened(1.0)) == 1
    assert not any(mask[1:].any() for mask in opened(0.0))


def test_bots_open_what_they_look_at_and_take_nobody_home() -> None:
    drawn = draw(replace(TINY, bots=0.5, attention=0), 1)
    watching = Watching(Newest(drawn))
    play(drawn, {"one": watching})
    of_bots = [shown for shown in watching.heard if shown.ask.session.is_bot]
    assert of_bots
    assert all(shown.opened.all() for shown in of_bots)
    assert all(shown.adopted is None for shown in of_bots)
