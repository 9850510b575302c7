"""A board tells most about its visitor, shows nobody who is known not to fit, and is fair."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.animals.animal import Animal
from pawsonalize.models.recipes.choices.picks import AnsweredBoard
from pawsonalize.models.recipes.data import Ints
from pawsonalize.plugins.boards import giving
from pawsonalize.plugins.boards.giving import choose_board, draw_board
from pawsonalize.recommend.animals.eligibility import Eligibility
from tests.animal_data import animal
from tests.models.recipes.choices.test_picks import board, posterior, sizes
from tests.recommend.animals.available_animals import (
    available_from,
    ids_of,
    question_of,
    rules,
    stocks,
    together,
    violates,
)

GROUPS = [f"2-Beagle-{size}-{age}" for size in (1, 2, 3) for age in (1, 2, 3)]


@given(stocks(), rules, st.integers(4, 12))
def test_nobody_known_not_to_fit_is_ever_on_a_board_and_no_two_are_alike(
    animals: list[Animal], rules: Eligibility, size: int
) -> None:
    available, known = available_from(animals), {one.animal_id: one for one in animals}
    slots, chances = choose_board(question_of(available, asked=rules), size, "RID-1")
    ids = ids_of(available, slots)
    here = [one for name in ids for one in together(animals, known[name])]
    assert not any(violates(one, rules) for one in here)
    assert len({available.column("group", slots)[place] for place in range(len(ids))}) == len(ids)
    assert ((chances > 0) & (chances <= 1)).all()


def test_animals_with_photos_come_first() -> None:
    pictured = [replace(animal(f"a{n}", group), photos=("x",)) for n, group in enumerate(GROUPS)]
    bare = [animal(f"b{n}", f"2-Pug-{size}-1") for n, size in enumerate((1, 2, 3))]
    available = available_from([*pictured, *bare])
    slots, _ = choose_board(question_of(available), 6, "RID-1")
    assert {one[0] for one in ids_of(available, slots)} == {"a"}
    few = available_from([*pictured[:2], *bare])
    assert len(choose_board(question_of(few), 6, "RID-1")[0]) == 5, "without them it has too few"
    twins = [replace(animal(f"a{n}", GROUPS[0]), photos=("x",)) for n in range(9)]
    alike = available_from([*twins, *bare])
    assert len(choose_board(question_of(alike), 4, "RID-1")[0]) == 4, "no two are of one group"


def test_each_species_that_waits_is_on_the_board_with_its_chance() -> None:
    dogs = [replace(animal(f"d{n}", f"2-{n}-2-2"), photos=("x",)) for n in range(200)]
    others = [animal("cat", "1-Manx-2-2"), *(animal(f"r{n}", f"3-{n}-1-1") for n in range(2))]
    available = available_from([*dogs, *others])
    weights = dict.fromkeys(("r0", "r1"), 0.0)
    for seed in range(100):
        slots, chances = choose_board(question_of(available), 4, f"RID-{seed}")
        ids = ids_of(available, slots)
        assert [one[0] for one in ids] == ["d", "d", "c", "r"]
        weights[ids[3]] += 1 / chances[3] / 100
    assert list(weights.values()) == pytest.approx([1.0, 1.0], rel=0.3)


def test_the_same_seed_gives_the_same_board() -> None:
    available = available_from([animal(f"a{n}", group) for n, group in enumerate(GROUPS)])
    one, again, other = (
        choose_board(question_of(available), 6, seed)[0].tolist() for seed in ("1", "1", "2")
    )
    assert one == again != other


def test_each_chance_is_how_often_the_animal_comes_so_that_estimates_stay_exact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What an animal is worth, divided by its chance, is in the mean the worth of all."""
    monkeypatch.setattr(giving, "SAMPLED", 4)  # of nine
    available = available_from([animal(f"a{n}", group) for n, group in enumerate(GROUPS)])
    question, times, second = question_of(available), 1_500, []
    first = dict.fromkeys(range(len(GROUPS)), 0.0)
    for seed in range(times):
        slots, chances = choose_board(question, 4, f"RID-{seed}")
        weights = 1 / chances
        first[int(slots[0])] += weights[0] / times
        second.append(weights[1])
    assert list(first.values()) == pytest.approx([1.0] * len(GROUPS), rel=0.2)
    assert np.mean(second) == pytest.approx(len(GROUPS) - 1, rel=0.05)


class _Paths(np.random.Generator):
    """Chance that goes where it is told; `random` gives the middle of a place's share."""

    def __init__(self, path: tuple[int, ...]) -> None:
        super().__init__(np.random.PCG64(0))
        self._path = list(path)

    def random(self) -> float:  # type: ignore[override]
        return self._path.pop(0) / 1000


def test_off_policy_estimates_of_boards_are_exact() -> None:
    """In a world small enough to count all boards: four animals, three places, any outcomes."""
    animals, worth = (sizes([0, 1, 2, 2]), np.zeros(4)), np.array([1.0, 0.2, 5.0, 3.0])
    known = posterior(*animals)
    rows = np.tile(np.arange(4), (3, 1))
    odds = np.array([0.1, -0.2, 0.3, 0.0])
    boards: dict[tuple[int, ...], list[float]] = {}
    for path in product(range(0, 1000, 50), repeat=3):
        found = draw_board(known, odds, np.arange(4), rows, 1.0, _Paths(path))
        boards[tuple(row for row, _ in found)] = [chance for _, chance in found]
    assert len(boards) == 4 * 3 * 2
    chances = {one: np.prod(each) for one, each in boards.items()}
    assert sum(chances.values()) == pytest.approx(1.0)
    # Divided by its chance, what an animal at a place brings is in the mean that of all who could
    # still come there: with the animals before it, the worth of all.
    estimates = sum(
        chances[one]
        * np.array([worth[row] / each + worth[[*one[:place]]].sum()
                    for place, (row, each) in enumerate(zip(one, boards[one], strict=True))])
        for one in boards
    )  # fmt: skip
    assert estimates == pytest.approx([worth.sum()] * 3)


def test_what_is_not_known_yet_is_on_a_board_sooner() -> None:
    """Whoever picked among three sizes on and on is shown animals of a fourth."""
    animals = sizes([0, 1, 2, 3]), np.zeros(4)

    def boards_with_the_fourth(*known: AnsweredBoard) -> int:
        found = posterior(*animals, *known)
        place: Ints = np.arange(4)[None]
        boards = (
            draw_board(found, np.zeros(4), place[0], place, 1.0, np.random.default_rng(seed))
            for seed in range(200)
        )
        return sum(one[0][0] == 3 for one in boards)

    assert 30 < boards_with_the_fourth() < 70
    assert boards_with_the_fourth(*[board(2), board(1), board(0)] * 10) > 100
