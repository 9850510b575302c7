"""What orders made of markets: the figures of one, over seeds and over worlds."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from benchmarks.child import ROOT
from benchmarks.markets.draw import draw
from benchmarks.markets.figures import Figures, Played, figures, over_seeds, over_worlds
from benchmarks.markets.play import NEVER, play
from benchmarks.markets.rivals import Newest
from benchmarks.markets.runs import read_seeds
from benchmarks.markets.worlds import TUNING_SEEDS, VERDICT_SEEDS, WORLDS, smaller

from benchmarks import outcomes

TINY = replace(smaller(WORLDS["plenty"], 0.02), days=100)


def told(adoptions: float, **others: float) -> Figures:
    return {"adoptions": adoptions, "rmst90": 100 / adoptions, "hardest_adopted": 0.5} | others


def test_the_figures_of_a_copy_hold_together() -> None:
    drawn = draw(TINY, 1)
    copy = play(drawn, {"newest": Newest(drawn)})["newest"]
    found = figures(copy)
    assert found["adoptions"] == len(copy.home) > 0
    assert found["adopted_share"] == found["adoptions"] / len(drawn.animals)
    assert found["adoptions_per_1000_sessions"] == 1_000 * found["adoptions"] / copy.sessions
    assert 0 < found["rmst90"] < 90
    assert found["never_shown_share"] == (copy.on_page == 0).mean()
    easiest = np.argsort(-drawn.appeal)[: len(drawn.animals) * 4 // 5]
    hardest = np.setdiff1d(np.arange(len(drawn.animals)), easiest)
    assert found["hardest_adopted"] == (copy.gone[hardest] < drawn.end).mean()


def test_who_waits_at_the_end_of_a_short_market_waits_for_all_of_the_90_days() -> None:
    drawn = draw(replace(TINY, days=30), 1)
    copy = play(drawn, {"newest": Newest(drawn)})["newest"]
    copy.gone[:] = NEVER
    assert figures(copy)["rmst90"] == 90


def test_ratios_are_of_the_sums_over_seeds_and_spans_of_single_seeds() -> None:
    played = {
        "newest": [told(10), told(20)],
        "content profile": [told(12), told(30)],
        "ours": [told(15, hardest_adopted=0.4), told(28, hardest_adopted=0.3)],
        "oracle": [told(20), told(40)],
    }
    rows = {row["order"]: row for row in over_seeds(played)}
    assert list(rows) == list(played)
    ours = rows["ours"]
    assert ours["adoptions"] == [21.5, 15, 28]
    assert ours["way"] == [round(13 / 30, 4), 0.4, 0.5]
    assert ours["hardest_to_oracle"] == [0.7, 0.6, 0.8]
    assert ours["way_above_content"] == [round(1 / 30, 4), -0.1, 0.3]
    assert ours["seeds_above_content"] == 1
    assert "way_above_content" not in rows["content profile"]
    assert rows["newest"]["way"] == [0, 0, 0]
    assert rows["oracle"]["way"] == [1, 1, 1]


def test_a_seed_that_says_nothing_of_a_ratio_is_not_in_it() -> None:
    played = {
        "newest": [told(10), told(20)],
        "content profile": [told(11), told(11)],
        "oracle": [told(20, rmst90=math.nan), told(20)],
    }
    content = over_seeds(played)[1]
    assert content["way"] == [0.1, 0.1, 0.1], "on the second seed there is no way to go"
    assert content["rmst90_to_oracle"] == [round(20 / 11, 4)] * 3
    unknown = over_seeds({name: each[:1] for name, each in played.items()})[1]
    assert all(map(math.isnan, unknown["rmst90_to_oracle"]))


def test_the_summary_is_over_the_worlds_of_too_little_demand() -> None:
    def world(ours: float) -> Played:
        orders = {"newest": 10.0, "content profile": 15.0, "ours": ours, "oracle": 20.0}
        return {order: [told(n)] for order, n in orders.items()}

    found = {"town": world(18), "charm": world(14), "enough": world(11), "plenty": world(11)}
    rows = {row["order"]: row for row in outcomes.summarise(found)}
    assert rows["ours"]["worlds"] == 2
    assert rows["ours"]["way"] == [0.6, 0.4, 0.8]
    assert rows["ours"]["way_together"] == 0.6
    assert rows["ours"]["worlds_above_content"] == 1
    assert over_worlds([]) == []


def test_what_asking_adds_to_ours_has_an_interval_by_drawing_seeds_anew() -> None:
    def world(*asked: float) -> Played:
        orders = {"newest": [10.0] * 3, "ours": [14.0] * 3, "oracle": [20.0] * 3}
        found = {order: [told(n) for n in each] for order, each in orders.items()}
        return found | {
            "content profile": found["ours"],
            "ours, 50% asked": [told(n, hardest_adopted=0.6) for n in asked],
        }

    alike, apart = world(16, 16, 16), world(12, 16, 20)
    assert over_seeds(alike)[-1]["way_gained"] == [0.2, 0.2, 0.2]
    assert over_seeds(apart)[-1]["way_gained"] == [0.2, -0.0667, 0.4667]
    both = over_worlds([alike, apart])
    assert both[-1]["way_gained"] == [0.2, 0.0667, 0.3333], "a steady world halves the interval"
    assert both[-1]["hardest_gained"] == [0.1, 0.1, 0.1]
    assert not any("way_gained" in row for row in both[:-1])


def test_seeds_are_named_or_numbers() -> None:
    assert read_seeds("verdict") == VERDICT_SEEDS
    assert read_seeds("tuning") == TUNING_SEEDS
    assert read_seeds("7") == (7,)
    with pytest.raises(ValueError, match="nonsense"):
        read_seeds("nonsense")


def test_each_world_has_its_line_in_the_documentation() -> None:
    page = (ROOT / "docs/reference/benchmarks.md").read_text(encoding="utf-8")
    section = page.partition("| world |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", section, re.M) == list(WORLDS)
