"""Arms by a hash, and pages that two orders draft, with exact propensities."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations, product

from pawsonalize.recommend.team_draft import TeamDraft, assigned_arm, team_draft

_HALF = Fraction(1, 2)
_Order = Sequence[str]


def _every_draft(first: _Order, second: _Order, limit: int) -> dict[tuple[str, ...], Fraction]:
    """The chance of each page, by following every coin; written without heads and turns."""
    pages: dict[tuple[str, ...], Fraction] = defaultdict(Fraction)

    def follow(page: tuple[str, ...], due: int | None, chance: Fraction) -> None:
        left = [[one for one in order if one not in page] for order in (first, second)]
        if len(page) == limit or not any(left):
            pages[page] += chance
        elif not all(left) or left[0][0] == left[1][0]:
            follow((*page, (left[0] or left[1])[0]), due, chance)
        elif due is None:
            for arm in (0, 1):
                follow((*page, left[arm][0]), 1 - arm, chance * _HALF)
        else:
            follow((*page, left[due][0]), None, chance)

    follow((), None, Fraction(1))
    return pages


def _drafts(first: _Order, second: _Order, limit: int) -> Counter[TeamDraft]:
    return Counter(team_draft(first, second, limit, f"seed {seed}") for seed in range(300))


def test_propensities_are_the_chances_over_all_coins() -> None:
    orders = [*permutations("abcd"), ("c", "x"), ("x", "y", "a", "z", "b"), ()]
    for second, limit in product(orders, (1, 2, 3, 6)):
        pages = _every_draft("abcd", second, limit)
        drafts = _drafts("abcd", second, limit)
        assert {draft.ids for draft in drafts} == set(pages)
        for draft in drafts:
            for place, propensity in enumerate(draft.propensities):
                before = sum(p for page, p in pages.items() if page[:place] == draft.ids[:place])
                with_it = sum(
                    p for page, p in pages.items() if page[: place + 1] == draft.ids[: place + 1]
                )
                assert Fraction(propensity) == Fraction(with_it) / Fraction(before)


def test_every_page_comes_as_often_as_its_propensities_say() -> None:
    first, second = "abcdef", "fedcba"
    drafts = Counter(team_draft(first, second, 6, str(seed)).ids for seed in range(4_000))
    pages = _every_draft(first, second, 6)
    assert set(drafts) == set(pages)
    for page, chance in pages.items():
        expected = float(4_000 * chance)
        assert abs(drafts[page] - expected) < 4 * expected**0.5


def test_each_arm_drafts_its_own_best_and_only_differences_earn_credit() -> None:
    drafts = {draft.ids: draft.teams for draft in _drafts("abcdef", "abdcfe", 6)}
    assert drafts == {
        tuple("abcdfe"): (None, None, 0, None, 1, None),
        tuple("abdcef"): (None, None, 1, None, 0, None),
    }
    alike = team_draft("abc", "abc", 10, "x")
    assert alike == TeamDraft(tuple("abc"), (None,) * 3, (1.0,) * 3)
    longer = team_draft((), "abc", 2, "x")
    assert longer == TeamDraft(tuple("ab"), (None,) * 2, (1.0,) * 2)


def test_a_draft_replays_from_its_seed() -> None:
    first, second = [str(one) for one in range(500)], [str(one) for one in range(600, 0, -1)]
    draft = team_draft(first, second, 300, "an answer's id")
    assert draft == team_draft(first, second, 300, "an answer's id")
    assert draft != team_draft(first, second, 300, "another's")
    assert len(draft.ids) == len(set(draft.ids)) == 300
    assert abs(draft.teams.count(0) - draft.teams.count(1)) <= 1
    # Written down, so that a page which was logged by an older release still replays.
    assert team_draft("abcd", "dcba", 4, "pinned").ids == tuple("dabc")


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
