"""What a visitor likes follows from what they scrolled past as much as from what they opened."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.models.recipes.choices.effects import VISITOR_TRAITS
from pawsonalize.models.recipes.choices.own_effects import (
    VISITOR_VARIANCES,
    VisitorEffects,
    Watched,
    visitor_effects,
)

SIZE = VISITOR_TRAITS.index("size")
SMALL, LARGE = 0, 1


def watched(sizes: list[int], opened: list[bool], attention: float = 0.5) -> Watched:
    """Places of animals that differ in their size alone."""
    traits = np.zeros((len(VISITOR_TRAITS), len(sizes)), np.int64)
    traits[SIZE] = sizes
    rows = len(sizes)
    return Watched(
        traits,
        np.zeros(rows),
        np.full(rows, -2.0),
        np.full(rows, attention),
        np.array(opened, bool),
    )


def sizes_of(found: VisitorEffects) -> list[float]:
    """The effects of small and large."""
    return [float(one) for one in found.of(SIZE, 2)]


def likes(sizes: list[int], opened: list[bool]) -> list[float]:
    return sizes_of(visitor_effects(watched(sizes, opened), VISITOR_VARIANCES))


def test_who_scrolls_past_ten_large_dogs_likes_large_ones_less() -> None:
    small, large = likes([LARGE] * 10, [False] * 10)
    assert large < -0.1
    assert small == 0.0, "nothing was said of small ones"


def test_two_visitors_with_the_same_events_and_different_pages_have_different_effects() -> None:
    among_small = likes([SMALL, LARGE] + [SMALL] * 8, [False, True] + [False] * 8)
    among_large = likes([SMALL, LARGE] + [LARGE] * 8, [False, True] + [False] * 8)
    assert among_small[LARGE] - among_small[SMALL] > among_large[LARGE] - among_large[SMALL] + 0.2


def test_what_was_hardly_looked_at_says_hardly_anything() -> None:
    seen, unseen = (
        visitor_effects(watched([LARGE] * 5, [False] * 5, attention), VISITOR_VARIANCES)
        for attention in (0.9, 0.05)
    )
    assert sizes_of(seen)[LARGE] < 5 * sizes_of(unseen)[LARGE] < 0


def test_what_is_opened_is_liked_and_the_less_visitors_differ_the_less_it_says() -> None:
    page = watched([SMALL, LARGE, LARGE], [False, True, True])
    usual = visitor_effects(page, VISITOR_VARIANCES)
    alike = visitor_effects(page, dict.fromkeys(VISITOR_VARIANCES, 0.01))
    assert sizes_of(usual)[LARGE] > 0.2 > 10 * sizes_of(alike)[LARGE] > 0
    assert sizes_of(usual)[SMALL] < 0


@st.composite
def any_pages(draw: st.DrawFn) -> tuple[Watched, dict[str, float]]:
    rows = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    page = Watched(
        rng.integers(0, draw(st.integers(1, 9)), (len(VISITOR_TRAITS), rows)),
        rng.uniform(-1, 0, rows),
        rng.normal(0, draw(st.floats(0, 30)), rows),
        rng.uniform(0, 1, rows) ** draw(st.floats(0, 9)),
        rng.random(rows) < draw(st.floats(0, 1)),
    )
    spread = st.floats(0.005, 3.0)
    return page, {kind: draw(spread) for kind in VISITOR_VARIANCES}


@given(any_pages())
def test_effects_are_finite_whatever_was_shown_and_opened(
    given_pages: tuple[Watched, dict[str, float]],
) -> None:
    found = visitor_effects(*given_pages)
    assert np.isfinite(found.distance)
    for codes, effects in zip(found.codes, found.effects, strict=True):
        assert len(codes) == len(effects)
        assert np.isfinite(effects).all()


def test_certainty_of_being_looked_at_and_of_opening_gives_no_nan() -> None:
    page = watched([SMALL, LARGE], [False, True], attention=1.0)
    sure = Watched(page.traits, page.distance, np.full(2, 800.0), page.attention, page.opened)
    assert np.isfinite(sizes_of(visitor_effects(sure, VISITOR_VARIANCES))).all()


@pytest.mark.parametrize("rows", [1, 160])
def test_effects_stay_within_reach_of_their_variance(rows: int) -> None:
    found = likes([LARGE] * rows, [True] * rows)
    assert 0 < found[LARGE] < 3
