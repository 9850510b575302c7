"""Arms by a hash, and pages that two orders draft, with exact propensities."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise, permutations, product

import numpy as np
import pytest

from pawsonalize.recommend.exploration import Explored, Novelty
from pawsonalize.recommend.live_tests import TeamDraft, assigned_arm, team_draft

_HALF = Fraction(1, 2)
_Order = Sequence[int]


def _every_draft(
    first: _Order, second: _Order, limit: int, novel: Mapping[int, int] | None = None
) -> dict[tuple[int, ...], Fraction]:
    """The chance of each page, by following every coin; written without heads and turns.

    With `novel`, weights of items, every second place goes to a draw.
    """
    pages: dict[tuple[int, ...], Fraction] = defaultdict(Fraction)

    def follow(page: tuple[int, ...], due: int | None, chance: Fraction) -> None:
        left = [[one for one in order if one not in page] for order in (first, second)]
        if len(page) == limit or not any(left):
            pages[page] += chance
            return
        lots = {one: lot for one, lot in (novel or {}).items() if one not in page}
        share = _HALF if sum(lots.values()) else Fraction(0)
        for one, lot in lots.items():
            if lot:  # a draw leaves it to the same arm to give the next place
                follow((*page, one), due, chance * share * Fraction(lot, sum(lots.values())))
        chance *= 1 - share
        if not all(left) or left[0][0] == left[1][0]:
            follow((*page, (left[0] or left[1])[0]), due, chance)
        elif due is None:
            for arm in (0, 1):
                follow((*page, left[arm][0]), 1 - arm, chance * _HALF)
        else:
            follow((*page, left[due][0]), None, chance)

    follow((), None, Fraction(1))
    return pages


def _odds(pages: Mapping[tuple[int, ...], Fraction], draft: TeamDraft) -> list[Fraction]:
    """The chance of each item of a draft given those before it."""
    ids = draft.explored.positions
    begins = [
        sum((p for page, p in pages.items() if page[:size] == ids[:size]), Fraction(0))
        for size in range(len(ids) + 1)
    ]
    return [after / before for before, after in pairwise(begins)]


def _drafts(first: _Order, second: _Order, limit: int) -> Counter[TeamDraft]:
    return Counter(team_draft(first, second, limit, f"seed {seed}") for seed in range(300))


def test_propensities_are_the_chances_over_all_coins() -> None:
    orders = [*permutations(b"abcd"), b"cx", b"xyazb", ()]
    for second, limit in product(orders, (1, 2, 3, 6)):
        pages = _every_draft(b"abcd", second, limit)
        drafts = _drafts(b"abcd", second, limit)
        assert {draft.explored.positions for draft in drafts} == set(pages)
        for draft in drafts:
            for place, propensity in enumerate(draft.explored.propensities):
                before = sum(
                    p
                    for page, p in pages.items()
                    if page[:place] == draft.explored.positions[:place]
                )
                with_it = sum(
                    p
                    for page, p in pages.items()
                    if page[: place + 1] == draft.explored.positions[: place + 1]
                )
                assert Fraction(propensity) == Fraction(with_it) / Fraction(before)


def test_propensities_hold_where_chance_draws_some_of_the_places() -> None:
    weights = {0: 0, 1: 3, 2: 0, 3: 1, 4: 4}  # the arms never give the last one by themselves
    due = Novelty(np.array([*weights.values()], np.int64))
    for first, second, limit in product([(0, 1, 2, 3)], permutations(range(4)), (1, 2, 3)):
        pages = _every_draft(first, second, limit, weights)
        assert sum(pages.values()) == 1
        drafts = {team_draft(first, second, limit, str(seed), due, 0.5) for seed in range(60)}
        for draft in drafts:
            odds = [float(one) for one in _odds(pages, draft)]
            assert draft.explored.propensities == pytest.approx(odds, abs=1e-12)
            drawn = zip(draft.explored.explored, draft.teams, strict=True)
            assert all(team is None for is_drawn, team in drawn if is_drawn)


def test_every_page_comes_as_often_as_its_propensities_say() -> None:
    first, second = b"abcdef", b"fedcba"
    drafts = Counter(
        team_draft(first, second, 6, str(seed)).explored.positions for seed in range(4_000)
    )
    pages = _every_draft(first, second, 6)
    assert set(drafts) == set(pages)
    for page, chance in pages.items():
        expected = float(4_000 * chance)
        assert abs(drafts[page] - expected) < 4 * expected**0.5


def test_each_arm_drafts_its_own_best_and_only_differences_earn_credit() -> None:
    drafts = {draft.explored.positions: draft.teams for draft in _drafts(b"abcdef", b"abdcfe", 6)}
    assert drafts == {
        tuple(b"abcdfe"): (None, None, 0, None, 1, None),
        tuple(b"abdcef"): (None, None, 1, None, 0, None),
    }
    alike = team_draft(b"abc", b"abc", 10, "x")
    assert alike == TeamDraft(Explored(tuple(b"abc"), (False,) * 3, (1.0,) * 3), (None,) * 3)
    longer = team_draft((), b"abc", 2, "x")
    assert longer == TeamDraft(Explored(tuple(b"ab"), (False,) * 2, (1.0,) * 2), (None,) * 2)


def test_a_draft_replays_from_its_seed() -> None:
    first, second = range(500), range(600, 0, -1)
    draft = team_draft(first, second, 300, "an answer's id")
    assert draft == team_draft(first, second, 300, "an answer's id")
    assert draft != team_draft(first, second, 300, "another's")
    assert len(draft.explored.positions) == len(set(draft.explored.positions)) == 300
    assert abs(draft.teams.count(0) - draft.teams.count(1)) <= 1
    # Written down, so that a page which was logged by an older release still replays.
    assert team_draft(b"abcd", b"dcba", 4, "pinned").explored.positions == tuple(b"dabc")


def test_arms_are_halves_of_the_share_and_stay_while_it_grows() -> None:
    units = [f"u:{number}" for number in range(20_000)]
    small = {unit: assigned_arm("salt", unit, 0.2) for unit in units}
    large = {unit: assigned_arm("salt", unit, 0.6) for unit in units}
    inside = [arm for arm in small.values() if arm is not None]
    assert abs(len(inside) - 4_000) < 4 * (20_000 * 0.2 * 0.8) ** 0.5
    assert abs(sum(inside) - len(inside) / 2) < 2 * len(inside) ** 0.5
    assert all(large[unit] == arm for unit, arm in small.items() if arm is not None)
    assert None not in {assigned_arm("salt", unit, 1.0) for unit in units}
    assert {assigned_arm("salt", unit, 0.0) for unit in units} == {None}


def test_arms_of_two_tests_have_nothing_to_do_with_each_other() -> None:
    units = [f"u:{number}" for number in range(10_000)]
    alike = sum(assigned_arm("one", unit, 1) == assigned_arm("other", unit, 1) for unit in units)
    assert abs(alike - 5_000) < 4 * 50
    assert assigned_arm("a salt of more than the sixty-four bytes " * 9, "u:1", 1) in (0, 1)
    assert [assigned_arm("salt", unit, 1.0) for unit in units[:12]] == [
        1,
        0,
        0,
        0,
        1,
        1,
        0,
        1,
        0,
        0,
        1,
        0,
    ]
