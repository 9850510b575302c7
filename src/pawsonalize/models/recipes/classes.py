"""Latent classes of visitors: each views species, families, sizes and ages in shares of its own."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Annotated, Any

import msgspec
import numpy as np

from pawsonalize.core.breeds import SPECIES, Trait, traits_of
from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.core.preferences import USER_FACET
from pawsonalize.models.recipes.artefact import Kept, Sizes, Stored, pack_strings, unpack_strings
from pawsonalize.models.recipes.contract import Context, Model
from pawsonalize.models.recipes.counts.facet_lifts import is_preference
from pawsonalize.models.recipes.data import Array, Arrays, Facet, Floats, Ints, TrainingData
from pawsonalize.models.recipes.late_scipy import sparse

Value = tuple[str, Trait]  # a look by its name: `("age", ("2", "1"))` are the babies among the dogs

# Breeds are left out: there are many, and families say enough.
CLASS_TRAITS = (SPECIES, "family", "size", "age")
_SPLIT = "\x1f"
_LEAST_USERS = 100  # fewer make classes of chance
_MOST_USERS = 20_000  # more of them teach hardly more, and take time
_ROUNDS = 100  # bounds the time where the likelihood creeps
_LEAST_GAIN = 1e-4  # of the log likelihood of a mean user: with less, the rounds end
_DOUBT = 10.0
_MIXED = 0.3  # at first each user is nearly of one class, by chance


def _logs(name: str, logs: Array, _sizes: Sizes) -> None:
    if not (np.isfinite(logs) & (logs <= 0)).all():
        raise CorruptArtefact(f"array {name!r} holds what is no log of a share")


# Two events say more than each alone: who looked at two small grown dogs is likely of a class that
# looks at terriers as well.
class LatentClasses(Stored, frozen=True, eq=False):
    """The classes, as logs of shares."""

    values: Mapping[Value, int]
    facets: Mapping[Facet, int]
    size: Annotated[Floats, Kept("size", "classes", _logs)]
    # Share of each value in the views of a class.
    traits: Annotated[Floats, Kept("traits", "classes values", _logs)]
    # Share of a class that gives each answer to a question.
    answers: Annotated[Floats, Kept("answers", "classes facets", _logs)]
    usual: Floats  # share of each value that is expected of an unknown visitor, (values,); no log
    _weight: Floats  # how far a class counts, given the species of a value
    _weighted: Floats  # the shares, times that

    @classmethod
    def of(
        cls,
        values: Iterable[Value],
        facets: Iterable[Facet],
        size: Floats,
        traits: Floats,
        answers: Floats,
    ) -> "LatentClasses":
        """The classes of these logs; each value's species must be among the values."""
        value = {name: code for code, name in enumerate(values)}
        facet = {name: code for code, name in enumerate(facets)}
        shares = np.exp(traits)
        weight = np.ones_like(shares)
        # Shares are those within a species: a class that hardly views cats says little about which
        # cats.
        for (name, (species, _)), code in value.items():
            if name != SPECIES:
                weight[:, code] = shares[:, value[SPECIES, ("", species)]]
        weighted = weight * shares
        usual = _expected(np.exp(size), weight, weighted)
        return cls(value, facet, size, traits, answers, usual, weight, weighted)

    def expected(self, context: Context) -> Floats:
        """Shares of values expected next (values,); within a species a trait's sum to 1."""
        viewed = (value for event in context.events for value in values_of(event.item))
        seen = [self.values[value] for value in viewed if value in self.values]
        given = [self.facets[one] for one in context.facets if one in self.facets]
        logs = self.size + self.traits[:, seen].sum(axis=1)
        logs += self.answers[:, given].sum(axis=1)
        # Less the greatest, or all classes of a long history would be 0.
        return _expected(np.exp(logs - logs.max()), self._weight, self._weighted)

    def arrays(self) -> dict[str, Array]:
        """The classes as plain arrays."""
        values = [_SPLIT.join((name, *look)) for name, look in self.values]
        facets = [_SPLIT.join(facet) for facet in self.facets]
        names = pack_strings("values", values) | pack_strings("facets", facets)
        return names | super().arrays()

    @classmethod
    def load(cls, arrays: Arrays, prefix: str) -> "LatentClasses | None":
        """Rebuild; None where there are none, CorruptArtefact where they do not fit."""
        if not any(name.startswith(prefix) for name in arrays):
            return None
        value_names = [_parts(text, 3) for text in unpack_strings(f"{prefix}values", arrays)]
        facet_names = [_parts(text, 2) for text in unpack_strings(f"{prefix}facets", arrays)]
        logs = cls.read(arrays, {"values": len(value_names), "facets": len(facet_names)}, prefix)
        values = [(name, (whole, value)) for name, whole, value in value_names]
        facets = [(name, value) for name, value in facet_names]
        try:
            return cls.of(values, facets, **logs)
        except KeyError as error:
            raise CorruptArtefact(f"the classes lack the species of {error}") from error


def classes_of(model: Model) -> LatentClasses | None:
    """The classes of visitors that a model knows, if it knows any."""
    known: LatentClasses | None = getattr(model, "classes", None)
    return known


@lru_cache(maxsize=65_536)
def values_of(item: str) -> tuple[Value, ...]:
    """Attribute values of an item that classes read; none if it is no animal group."""
    return tuple(value for value in traits_of(item) if value[0] in CLASS_TRAITS)


def _expected(classes: Floats, weight: Floats, weighted: Floats) -> Floats:
    """Mean shares over classes, each counting as far as the visitor is of it, given the species."""
    return np.asarray((classes @ weighted) / (classes @ weight))


def _parts(text: str, size: int) -> list[str]:
    parts = text.split(_SPLIT)
    if len(parts) != size:
        raise CorruptArtefact(f"the classes have a name that is none: {text!r}")
    return parts


def fit_classes(data: TrainingData, classes: int, seed: int) -> LatentClasses | None:
    """So many classes; None of less than two, or where too few users look at animals."""
    users = _Users.of(data, np.random.default_rng(seed)) if classes > 1 else None
    if users is None:
        return None
    # Expectation maximisation of a mixture of multinomials (Dempster, Laird and Rubin 1977). Equal
    # classes would stay equal for ever, so chance makes the first ones differ.
    belongs = np.random.default_rng(seed).dirichlet(np.full(classes, _MIXED), len(users))
    before = -np.inf
    for _ in range(_ROUNDS):
        size = np.log((belongs.sum(axis=0) + 1) / (len(users) + classes))
        traits = users.traits.shares_of(belongs)
        answers = users.answers.shares_of(belongs)
        logs = size + users.traits.counts @ traits.T + users.answers.counts @ answers.T
        # Less the greatest of each row: the exponents of long histories would all be 0.
        top = logs.max(axis=1, keepdims=True)
        belongs = np.exp(logs - top)
        total = belongs.sum(axis=1, keepdims=True)
        belongs /= total
        likelihood = float((np.log(total) + top).mean())
        if likelihood - before < _LEAST_GAIN:
            break
        before = likelihood
    return LatentClasses.of(users.values, users.facets, size, traits, answers)


class _Counted(msgspec.Struct, frozen=True):
    counts: Any  # csr_array, which has no types
    whole: Ints
    usual: Floats

    @classmethod
    def of(cls, user: Ints, value: Ints, users: int, whole: Ints) -> "_Counted":
        ones = np.ones(len(value))
        counts = sparse.csr_array((ones, (user, value)), shape=(users, len(whole)))
        # Plus 1, so that the log of the share of a value that nobody chose is finite.
        total = np.bincount(value, minlength=len(whole)) + 1.0
        return cls(counts, whole, total / np.bincount(whole, total)[whole])

    def shares_of(self, belongs: Floats) -> Floats:
        """The log of each class's shares, (classes, values)."""
        # As if each class had `_DOUBT` more choices, spread as those of everybody.
        found = (self.counts.T @ belongs).T + _DOUBT * self.usual
        wholes = np.zeros((len(found), int(self.whole.max(initial=-1)) + 1))
        np.add.at(wholes.T, self.whole, found.T)
        return np.asarray(np.log(found / wholes[:, self.whole]))


class _Users(msgspec.Struct, frozen=True):
    values: tuple[Value, ...]
    facets: tuple[Facet, ...]
    traits: _Counted
    answers: _Counted

    def __len__(self) -> int:
        return int(self.traits.counts.shape[0])

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
        traits = _Counted.of(np.repeat(user, seen.shape[1]), seen.ravel(), len(known), wholes)
        facets, who, what = _quiz_answers(data, place)
        names = _numbered([name for name, _ in facets])
        return cls(values, facets, traits, _Counted.of(who, what, len(known), names))


def _values(data: TrainingData) -> tuple[tuple[Value, ...], Ints]:
    code: dict[Value, int] = {}
    of_item = np.full((len(data.item_ids), len(CLASS_TRAITS)), -1, np.int64)
    for item in np.unique(data.item).tolist():
        for place, value in enumerate(values_of(data.item_ids[item])):
            of_item[item, place] = code.setdefault(value, len(code))
    return tuple(code), of_item


def _quiz_answers(data: TrainingData, place: Ints) -> tuple[tuple[Facet, ...], Ints, Ints]:
    """Code the quiz answers of users: all answers, then for each one its user and its value."""
    code: dict[Facet, int] = {}
    given: list[Ints] = []
    columns = zip(data.facets.names, data.facets.values, data.facets.codes.T, strict=True)
    for name, values, column in columns:
        if not name.startswith(USER_FACET) or is_preference(name):
            continue
        of_value = np.array([code.setdefault((name, value), len(code)) for value in values])
        # Rows of a user are oldest first: reversed, `unique` finds the newest answer.
        newest_first = np.flatnonzero(column >= 0)[::-1]
        user, newest = np.unique(data.user[newest_first], return_index=True)
        who = place[user]
        answers = np.stack([who, of_value[column[newest_first[newest]]]])
        given.append(answers[:, who >= 0])
    if not given:
        return (), np.empty(0, np.int64), np.empty(0, np.int64)
    who, what = np.unique(np.concatenate(given, axis=1), axis=1)
    return tuple(code), who, what


def _numbered(names: list[object]) -> Ints:
    number: dict[object, int] = {}
    return np.array([number.setdefault(name, len(number)) for name in names], np.int64)
