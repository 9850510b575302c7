"""Words that visitors of a market write, and what the pages are worth that answer them."""

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.markets.draw import draw
from benchmarks.markets.ours import served
from benchmarks.markets.play import play
from benchmarks.markets.wishes import chances, with_searches
from benchmarks.markets.worlds import WORLDS, smaller
from benchmarks.search_pages import NAMES, Searched, compare

from pawsonalize.animals.wishes import read_wish

MARKET = replace(smaller(WORLDS["town"], 0.05), days=10, sessions=60)


def test_visitors_write_what_they_like_and_every_word_is_understood() -> None:
    drawn, words = with_searches(draw(MARKET, 1), 0.5)
    assert 0.3 < len(words) / len(drawn.sessions) < 0.7
    liked = []
    for session in drawn.sessions:
        if session.number in words:
            wish = read_wish(words[session.number].text, session.at)
            assert wish.rules
            for rule in wish.rules:
                if rule.name == "age":
                    taste = drawn.taste["age"][session.visitor, session.species * 4 :][:4]
                    here = [str(age) in rule.values for age in range(1, 5)]
                    liked.append((-1 if rule.negated else 1) * float(taste[here].max()))
    assert np.mean(liked) > 0
    assert with_searches(drawn, 0.0)[0] == drawn


def test_tastes_by_the_chance_of_what_was_written_are_those_of_its_writers() -> None:
    drawn, words = with_searches(draw(replace(MARKET, sessions=2_000), 1), 1.0)
    tried = {
        name: np.random.default_rng(1).normal(0, one.std(), (1_000, one.shape[1]))
        for name, one in drawn.taste.items()
    }
    errors = []
    for session in drawn.sessions:
        if session.number in words:
            likings = words[session.number].likings
            chance = chances(drawn, session.species, likings, tried)
            trait, value, _ = likings[0]
            expected = chance @ tried[trait][:, value] / chance.sum()
            errors.append(drawn.taste[trait][session.visitor, value] - expected)
    assert np.mean(errors) == pytest.approx(0, abs=0.06)
    assert np.std(errors) < 0.55  # 0.6 without the words


def test_a_search_shows_some_of_the_animals_that_relevance_does_and_no_page_is_worth_more() -> None:
    drawn, words = with_searches(draw(MARKET, 1), 1.0)
    with served(drawn, every=5, recipe="popularity-count") as ours:
        searched = Searched(drawn, ours, words)
        play(drawn, {"ours": searched})
    worths = np.array(searched.worths)
    assert len(worths) > 20
    places = dict(zip(NAMES, worths[..., 0].T, strict=True))
    assert (places["ours"] == places["relevance alone"]).all()
    assert (places["search, then unread"] == places["words not read"]).all()
    assert (worths[:, NAMES.index("ceiling"), 1] >= worths[..., 1].max(axis=1) - 1e-9).all()
    mean = dict(zip(NAMES, worths[..., 1].mean(axis=0), strict=True))
    assert mean["knowing, read"] > mean["knowing, rules first"] > mean["relevance alone"]


def test_a_ratio_is_of_sums_and_its_error_is_over_pages() -> None:
    worths = np.full((100, len(NAMES), 3), 0.02)
    worths[:50, NAMES.index("relevance alone"), 1] = 0.03
    rows = {row["order"]: row for row in compare(worths)}
    assert rows["ours"]["ours_to_it"] == 1
    assert rows["relevance alone"]["ours_to_it"] == pytest.approx(0.8)
    assert rows["relevance alone"]["error"] == pytest.approx(0.016)
    assert rows["relevance alone"]["same_places"] == 1
    assert rows["relevance alone"]["to_unread"] == pytest.approx(1.25)
