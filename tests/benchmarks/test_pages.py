"""What pages are worth, of ours and of the orders beside it."""

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.markets.draw import draw
from benchmarks.markets.ours import served
from benchmarks.markets.play import play
from benchmarks.markets.worlds import WORLDS, smaller
from benchmarks.pages import NAMES, UNEXPLORED, Beside, compare

MARKET = replace(smaller(WORLDS["town"], 0.03), days=6, sessions=150)


def test_others_beside_ours_change_nothing_that_it_shows() -> None:
    drawn = draw(MARKET, 1)
    with served(drawn, every=3, recipe="popularity-count") as ours:
        alone = play(drawn, {"ours": ours})["ours"]
    with served(drawn, every=3, recipe="popularity-count") as ours:
        beside = Beside(drawn, ours)
        copy = play(drawn, {"ours": beside})["ours"]
    assert copy.on_page.tolist() == alone.on_page.tolist()
    worths = np.array(beside.worths)
    assert worths[:, 0].sum() == pytest.approx(alone.expected)
    assert (worths[:, NAMES.index("ceiling")] >= worths.max(axis=1) - 1e-9).all()
    explored = worths[:, NAMES.index(UNEXPLORED)] != worths[:, 0]
    assert 0 < explored.mean() < 1


def test_a_gain_is_a_share_of_what_ours_are_worth_and_its_error_is_over_pages() -> None:
    worths = np.full((100, len(NAMES)), 0.02)
    worths[:50, NAMES.index("content profile")] = 0.03
    rows = {row["order"]: row for row in compare(worths)}
    assert rows["ours"]["gain"] == rows["ours"]["error"] == 0
    assert rows["content profile"]["gain"] == 0.25
    assert rows["content profile"]["error"] == 0.025
    assert rows["content profile"]["adoptions_per_1000_pages"] == 25
