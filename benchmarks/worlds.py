"""Four made-up logs, in each of which something else tells the next choice."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pawsonalize import Dataset
from pawsonalize.core.times import DAY
from pawsonalize.library.comparison import SplitKind

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_CLUSTERS = 8
_BEGIN = 1_700_000_000_000
_DAYS = 200


@dataclass(frozen=True, slots=True)
class World:
    """A log, and how it is asked."""

    data: Dataset
    repeats: bool
    """True if users choose items again."""
    split: SplitKind = "last"


def order(users: int, items: int, seed: int) -> World:
    """Each item has five that mostly follow it; seven steps of ten go there, without repeats."""
    dice = np.random.default_rng(seed)
    popularity = _popularity(items, dice)
    successors = dice.integers(0, items, (items, 5))
    histories = []
    for length in np.minimum(dice.integers(20, 60, users), items // 2):
        left = popularity.copy()
        history: list[int] = []
        for _ in range(length):
            follow = history and dice.random() < 0.7
            weights = left
            if follow:
                weights = np.zeros(items)
                weights[successors[history[-1]]] = left[successors[history[-1]]] > 0
            weights = weights if weights.any() else left
            history.append(_draw(weights, dice))
            left[history[-1]] = 0.0
        histories.append(history)
    return World(_data(histories, dice), repeats=False)


def taste(users: int, items: int, seed: int) -> World:
    """Users like clusters of items, and choose 20 to 200 of them once, in any order."""
    dice = np.random.default_rng(seed)
    liked = _liked(users, items, dice)
    histories = []
    for user, length in enumerate(np.minimum(dice.integers(20, 201, users), items // 2)):
        drawn = np.log(liked[user]) + dice.gumbel(size=items)
        histories.append(dice.permutation(np.argsort(-drawn)[:length]).tolist())
    return World(_data(histories, dice), repeats=False)


def repeats(users: int, items: int, seed: int) -> World:
    """Six choices of ten are one of the user's own, the newest first; the others by clusters."""
    dice = np.random.default_rng(seed)
    liked = _liked(users, items, dice)
    histories = []
    for user, length in enumerate(dice.integers(5, 60, users)):
        history: list[int] = []
        for _ in range(length):
            if history and dice.random() < 0.6:
                own = [*dict.fromkeys(reversed(history))]
                history.append(own[min(int(dice.geometric(0.4)) - 1, len(own) - 1)])
            else:
                history.append(_draw(liked[user], dice))
        histories.append(history)
    return World(_data(histories, dice), repeats=True)


def cold(users: int, items: int, seed: int) -> World:
    """Items come and go after 40 days; users like values of three attributes, without repeats."""
    dice = np.random.default_rng(seed)
    values = dice.integers(0, (4, 8, 3), (items, 3))
    born = np.sort(dice.uniform(-40, _DAYS, items))
    rows: list[tuple[int, int, float]] = []
    for user in range(users):
        tastes = [dice.normal(0, 1.5, count) for count in (4, 8, 3)]
        liked = np.exp(sum(taste[values[:, at]] for at, taste in enumerate(tastes)))
        for day in np.sort(dice.uniform(0, _DAYS, dice.integers(10, 30))):
            there = liked * ((born <= day) & (day < born + 40))
            if not there.any():
                continue
            rows.append((user, _draw(there, dice), day))
            liked[rows[-1][1]] = 0.0
    user, item, day = np.array(rows).T
    described = {"item": np.char.add("i", np.arange(items).astype(str))} | {
        name: np.char.add(name[0], values[:, at].astype(str))
        for at, name in enumerate(("kind", "breed", "size"))
    }
    return World(
        _table(user.astype(np.int64), item.astype(np.int64), day, described),
        repeats=False,
        split="time",
    )


WORLDS: Mapping[str, Callable[[int, int, int], World]] = {
    "order": order,
    "taste": taste,
    "repeats": repeats,
    "cold": cold,
}
"""Worlds by their names: functions of the numbers of users and items, and the seed."""


def _popularity(items: int, dice: np.random.Generator) -> Floats:
    return dice.permutation(1.0 / np.arange(1, items + 1) ** 0.6)


def _liked(users: int, items: int, dice: np.random.Generator) -> Floats:
    """How much each user likes each item, shape (users, items)."""
    cluster = dice.integers(0, _CLUSTERS, items)
    shares = dice.dirichlet(np.full(_CLUSTERS, 0.3), users) + 0.01
    return np.asarray(shares[:, cluster] * _popularity(items, dice))


def _draw(weights: Floats, dice: np.random.Generator) -> int:
    total = np.cumsum(weights)
    return int(np.searchsorted(total, dice.random() * total[-1], side="right"))


def _data(histories: list[list[int]], dice: np.random.Generator) -> Dataset:
    """The log of histories, each of which is spread over the days."""
    user = np.repeat(np.arange(len(histories)), [*map(len, histories)])
    day = [np.sort(dice.uniform(0, _DAYS, len(history))) for history in histories]
    return _table(user, np.concatenate(histories), np.concatenate(day))


def _table(
    user: Ints, item: Ints, day: Floats, items: Mapping[str, NDArray[np.str_]] | None = None
) -> Dataset:
    columns = {
        "user": np.char.add("u", user.astype(str)),
        "item": np.char.add("i", item.astype(str)),
        "time": (_BEGIN + day * DAY).astype(np.int64),
    }
    described = None if items is None else pa.table(dict(items))
    return Dataset.from_frame(pa.table(columns), items=described)
