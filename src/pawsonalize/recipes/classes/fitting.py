"""Fitting latent classes by expectation maximisation (Dempster, Laird and Rubin, JRSS B 39, 1977).

Each round asks how far every user is of every class, then what the users of each class look at.
A class has `_DOUBT` imagined events of the usual shares, so none says that a thing never happens.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from pawsonalize.domain.preferences import USER_FACET
from pawsonalize.recipes.classes.latent import CLASS_LOOKS, Floats, LatentClasses, Value, values_of
from pawsonalize.recipes.contract import TrainingData
from pawsonalize.recipes.facets import Facet
from pawsonalize.recipes.preferences import is_preference

_LEAST_USERS = 100
_MOST_USERS = 20_000  # more of them teach hardly more, and take time
_ROUNDS = 100
_LEAST_GAIN = 1e-4  # of the log likelihood of a mean user: with less, the rounds end
_DOUBT = 10.0
_MIXED = 0.3  # at first each user is nearly of one class, by chance

Ints = NDArray[np.int64]


def fit_classes(data: TrainingData, classes: int, seed: int) -> LatentClasses | None:
    """So many classes; None of less than two, or where too few users look at animals."""
    users = _Users.of(data, np.random.default_rng(seed)) if classes > 1 else None
    if users is None:
        return None
    belongs = np.random.default_rng(seed).dirichlet(np.full(classes, _MIXED), len(users))
    before = -np.inf
    for _ in range(_ROUNDS):
        size = np.log((belongs.sum(axis=0) + 1) / (len(users) + classes))
        looks = users.looks.shares_of(belongs)
        told = users.told.shares_of(belongs)
        logs = size + users.looks.counts @ looks.T + users.told.counts @ told.T
        top = logs.max(axis=1, keepdims=True)
        belongs = np.exp(logs - top)
        total = belongs.sum(axis=1, keepdims=True)
        belongs /= total
        likelihood = float((np.log(total) + top).mean())
        if likelihood - before < _LEAST_GAIN:
            break
        before = likelihood
    return LatentClasses.of(users.values, users.facets, size, looks, told)


@dataclass(frozen=True, slots=True)
class _Counted:
    """How often each user has each value, (users, values); values of one `whole` are shares."""

    counts: Any  # csr_array, which has no types
    whole: Ints
    usual: Floats

    @classmethod
    def of(cls, user: Ints, value: Ints, users: int, whole: Ints) -> "_Counted":
        ones = np.ones(len(value))
        counts = csr_array((ones, (user, value)), shape=(users, len(whole)))
        total = np.bincount(value, minlength=len(whole)) + 1.0
        return cls(counts, whole, total / np.bincount(whole, total)[whole])

    def shares_of(self, belongs: Floats) -> Floats:
        """The log of each class's shares, (classes, values)."""
        found = (self.counts.T @ belongs).T + _DOUBT * self.usual
        wholes = np.zeros((len(found), int(self.whole.max(initial=-1)) + 1))
        np.add.at(wholes.T, self.whole, found.T)
        return np.asarray(np.log(found / wholes[:, self.whole]))


@dataclass(frozen=True, slots=True)
class _Users:
    """What users looked at and told."""

    values: tuple[Value, ...]
    facets: tuple[Facet, ...]
    looks: _Counted
    told: _Counted

    def __len__(self) -> int:
        return int(self.looks.counts.shape[0])

    @classmethod
    def of(cls, data: TrainingData, rng: np.random.Generator) -> "_Users | None":
        """Those that looked at animals, at most `_MOST_USERS` of them; None if they are few."""
        values, of_item = _values(data)
        rows = np.flatnonzero(of_item[data.item, 0] >= 0)
        known = np.unique(data.user[rows])
        if len(known) < _LEAST_USERS:
            return None
        if len(known) > _MOST_USERS:
            known = np.sort(rng.choice(known, _MOST_USERS, replace=False))
        place = np.full(data.n_users, -1, np.int64)
        place[known] = np.arange(len(known))
        rows = rows[place[data.user[rows]] >= 0]
        user, seen = place[data.user[rows]], of_item[data.item[rows]]
        wholes = _numbered([(name, whole) for name, (whole, _) in values])
        looks = _Counted.of(np.repeat(user, seen.shape[1]), seen.ravel(), len(known), wholes)
        facets, who, what = _told(data, place)
        names = _numbered([name for name, _ in facets])
        return cls(values, facets, looks, _Counted.of(who, what, len(known), names))


def _values(data: TrainingData) -> tuple[tuple[Value, ...], Ints]:
    """All values that were looked at, and those of each item; -1 if it is no animal."""
    code: dict[Value, int] = {}
    of_item = np.full((len(data.item_ids), len(CLASS_LOOKS)), -1, np.int64)
    for item in np.unique(data.item).tolist():
        for place, value in enumerate(values_of(data.item_ids[item])):
            of_item[item, place] = code.setdefault(value, len(code))
    return tuple(code), of_item


def _told(data: TrainingData, place: Ints) -> tuple[tuple[Facet, ...], Ints, Ints]:
    """What users say of themselves: all answers, then for each one given by whom, and which."""
    code: dict[Facet, int] = {}
    given: list[Ints] = []
    columns = zip(data.facets.names, data.facets.values, data.facets.codes.T, strict=True)
    for name, values, column in columns:
        if not name.startswith(USER_FACET) or is_preference(name):
            continue
        of_value = np.array([code.setdefault((name, value), len(code)) for value in values])
        newest_first = np.flatnonzero(column >= 0)[::-1]
        user, newest = np.unique(data.user[newest_first], return_index=True)
        who = place[user]
        answers = np.stack([who, of_value[column[newest_first[newest]]]])
        given.append(answers[:, who >= 0])
    if not given:
        return (), np.empty(0, np.int64), np.empty(0, np.int64)
    who, what = np.unique(np.concatenate(given, axis=1), axis=1)
    return tuple(code), who, what


def _numbered(names: list[Any]) -> Ints:
    number: dict[Any, int] = {}
    return np.array([number.setdefault(name, len(number)) for name in names], np.int64)
