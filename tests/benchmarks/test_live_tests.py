"""Live tests in made-up markets: two orders in one market, and the winner beside whole markets."""

import pytest
from benchmarks.live_tests import BIAS_PAIRS, ORDERS, Playing, SharedMarket, play_one
from benchmarks.markets.draw import Drawn, draw
from benchmarks.markets.play import play
from benchmarks.markets.worlds import WORLDS, smaller

from benchmarks import live_tests


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return draw(smaller(WORLDS["town"], 0.05), 1)


def _test(drawn: Drawn, first: str, second: str, design: str) -> SharedMarket:
    tested = SharedMarket((ORDERS[first](drawn), ORDERS[second](drawn)), design, 1)
    play(drawn, {"tested": tested})
    return tested


def test_an_order_against_itself_has_no_decisive_visitor(drawn: Drawn) -> None:
    assert _test(drawn, "nearest", "nearest", "interleave").preferences().sum() == 0


def test_the_order_that_knows_all_wins_from_either_side(drawn: Drawn) -> None:
    wins, losses = _test(drawn, "newest", "ceiling", "interleave").preferences()[1]
    assert wins > 2 * losses
    wins, losses = _test(drawn, "ceiling", "newest", "interleave").preferences()[1]
    assert losses > 2 * wins


def test_arms_by_visitor_and_by_day_share_the_market(drawn: Drawn) -> None:
    for design in ("ab", "switchback"):
        adopted, units = _test(drawn, "newest", "ceiling", design).rates()
        assert units.min() > 0.4 * units.max()
        assert adopted.sum() > 0


def test_a_pair_agrees_if_more_visitors_prefer_the_better_one() -> None:
    played = play_one("plenty", 1, Playing(0.02, ("bias",)))
    assert set(played.adoptions) == set(ORDERS)
    assert [(row["first"], row["second"]) for row in live_tests.bias("plenty", [played])] == list(
        BIAS_PAIRS
    )
    rows = [
        {"world": "town", "clear": True, "agrees_by_inquiries": True, "agrees_by_clicks": False},
        {"world": "town", "clear": False, "agrees_by_inquiries": True, "agrees_by_clicks": True},
        {"world": "plenty", "clear": True, "agrees_by_inquiries": False, "agrees_by_clicks": True},
    ]
    assert [tuple(row.values()) for row in live_tests.agreements(rows)] == [
        ("town", 1, 1, 0),
        ("plenty", 1, 0, 1),
        ("all", 2, 1, 1),
    ]
