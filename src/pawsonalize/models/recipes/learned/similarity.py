"""Similar users, and what they did around the match; similar items, by their attributes."""

from collections import Counter
from functools import cached_property
from typing import Annotated

import numpy as np

from pawsonalize.models.recipes.artefact import Kept, Stored, below, rising_to, weights
from pawsonalize.models.recipes.counts.weights import VisitLog
from pawsonalize.models.recipes.data import Array, Int32s, Ints, ItemAttributes, Singles
from pawsonalize.models.recipes.learned.design import Design

_BEFORE, _AFTER = 20, 30  # visits of a neighbour around the match that count
_DISTANCE = np.arange(-_BEFORE, _AFTER)
# After the match visits count in full, before it 0.4; each step further away takes a fifth.
_KERNEL = np.where(_DISTANCE > 0, 1.0, 0.4) * 0.8 ** np.abs(np.abs(_DISTANCE) - 1)
_KERNEL = _KERNEL.astype(np.float32)
_MATCHED = 8  # single-valued attributes that are also compared one by one, at most


class Postings(Stored, frozen=True, dict=True):
    """Newest visits of each item. `starts` (items + 1,) index `users`; `items` are the log's."""

    items: Annotated[Int32s, Kept("log.items", "visits", below("items"))]
    offsets: Annotated[Ints, Kept("log.offsets", "users+1", rising_to("visits"))]
    users: Annotated[Int32s, Kept("postings.users", "posted")]
    positions: Annotated[Int32s, Kept("postings.positions", "posted")]
    starts: Annotated[Ints, Kept("postings.starts", "items+1", rising_to("posted"))]
    idf: Annotated[Singles, Kept("postings.idf", "items", weights)]

    @property
    def n_users(self) -> int:
        """Number of users of the log."""
        return len(self.offsets) - 1

    @cached_property
    def norm(self) -> Array:
        """Factor of each user's similarity: long histories overlap with all."""
        # Plus 5, or users of a single visit would outweigh all others.
        return (1.0 / np.sqrt(np.diff(self.offsets) + 5.0)).astype(np.float32)

    @cached_property
    def tails(self) -> Array:
        """Newest three visits of each user as digits of one number; 0 is no visit, 1 the item 0."""
        number = np.zeros(self.n_users, np.int64)
        for back in range(1, 4):
            known = np.flatnonzero(np.diff(self.offsets) >= back)
            number *= len(self.idf) + 1
            number[known] += self.items[self.offsets[known + 1] - back] + 1
        return number


def build_postings(log: VisitLog, keep: int) -> Postings:
    """Gather the `keep` newest visits of each item."""
    owners = log.owners
    position = np.arange(len(owners)) - log.offsets[owners]
    # Without times, the newest are those nearest the end of their user's history.
    age = -log.times if log.timed else log.lengths[owners] - position
    order = np.lexsort((age, log.items))
    counts = np.bincount(log.items, minlength=log.n_items)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    order = order[rank < keep]
    return Postings(
        starts=np.concatenate([[0], np.cumsum(np.minimum(counts, keep))]).astype(np.int64),
        users=owners[order].astype(np.int32),
        positions=position[order].astype(np.int32),
        idf=np.log1p(log.n_users / (1.0 + counts)).astype(np.float32),
        offsets=log.offsets,
        items=log.items,
    )


def add_neighbours(
    p: Postings, context: Array, weights: Array, user: int, design: Design, out: Array
) -> None:
    """Add items of similar users to `out` (2, items): flat, and decayed around the match."""
    other, similarity, match = _nearest(p, context, weights, user, design.neighbours)
    start = p.offsets[other]
    low = np.maximum(match - _BEFORE, 0)
    lengths = np.minimum(match + _AFTER, p.offsets[other + 1] - start) - low
    begun = low - (lengths.cumsum() - lengths)
    place = np.arange(int(lengths.sum()))
    items = p.items[place + (start + begun).repeat(lengths)].astype(np.intp)
    place += (begun - match + _BEFORE).repeat(lengths)
    worth = similarity.repeat(lengths)
    np.add.at(out[0], items, worth)
    np.add.at(out[1], items, worth * _KERNEL[place])


def _nearest(
    p: Postings, context: Array, weights: Array, user: int, keep: int
) -> tuple[Array, Array, Array]:
    known = (context >= 0).nonzero()[0]
    items = context[known]
    first, last = p.starts[items], p.starts[items + 1]
    spans = map(slice, first.tolist(), last.tolist())
    key = np.concatenate([p.users[:0], *map(p.users.__getitem__, spans)], dtype=np.intp)
    lengths = last - first
    worth = (weights[known] * p.idf[items]).repeat(lengths)
    if user >= 0:
        worth[key == user] = 0.0  # so that what they did adds nothing
    first_of = np.empty(p.n_users, np.int32)  # read only where it was written
    first_of[key[::-1]] = np.arange(len(key) - 1, -1, -1)  # written last = the first
    first_of = first_of[key].astype(np.intp)
    found = (first_of == np.arange(len(key))).nonzero()[0]
    total = np.zeros(len(key), np.float32)
    np.add.at(total, first_of, worth)
    other = key[found]
    similarity = total[found] * p.norm[other]
    best = _most(similarity, keep)
    best = best[~_echoes(p, context, other[best])]
    place = found[best]
    ends = lengths.cumsum()
    owner = ends.searchsorted(place, side="right")
    return other[best], similarity[best], p.positions[place + (last - ends)[owner]]


def _most(values: Array, keep: int) -> Array:
    if len(values) <= keep:
        return np.arange(len(values))
    # In no order, as neighbours are only added up.
    least = np.partition(values, -keep)[-keep]
    above, equal = (values > least).nonzero()[0], (values == least).nonzero()[0]
    return np.concatenate((above, equal[: keep - len(above)]))


def _echoes(p: Postings, context: Array, other: Array) -> Array:
    """True for neighbours whose newest three visits are in the context: nothing follows a match."""
    size, length = len(p.idf) + 1, len(context)
    digits = np.zeros(length + 2, np.int64)
    digits[:length] = context + 1
    # Digits as in `Postings.tails`; whoever visited one or two items in all matches by fewer.
    one = digits[:length] * size**2
    two = one + digits[1:-1] * size
    held = np.concatenate((one, two, two + digits[2:]))
    held.sort()
    tails = p.tails[other]
    return np.asarray(held.take(held.searchsorted(tails), mode="clip") == tails)


class Likeness(Stored, frozen=True, dict=True):
    """Attributes of items, rare values weighing more. The last column or row stands for no item."""

    # So -1 is no item, and no look-up needs a mask.

    places: Array  # the values of each item among all values, shape (most of an item, items + 1)
    rarity: Array  # weights of the values, of unit length for an item, padded with 0; same shape
    width: int
    codes: Annotated[Int32s, Kept("codes", "items columns")]
    columns: Annotated[tuple[str, ...], Kept("columns", "columns")]
    matched: tuple[int, ...]
    """The columns of attributes with a single value, whose values share one numbering."""
    values: Array  # values of the matched columns, shape (items + 1, matched) int32
    nothing: Array

    @cached_property
    def n_values(self) -> int:
        """Number of values of the matched attributes, nothing included."""
        return int(self.values.max(initial=-1)) + 1

    @property
    def has_lists(self) -> bool:
        """True if an attribute has several values: only then `compare` says more than `held`."""
        return len(self.matched) < len(self.columns)

    @property
    def names(self) -> list[str]:
        """The features' names: of `compare`, then of each matched attribute."""
        single = [self.columns[column] for column in self.matched]
        whole = ["like_newest", "like_slow", "like_flat"] if self.has_lists else []
        return whole + [
            f"like_{rate}_{name}" for rate in ("newest", "slow", "flat") for name in single
        ]

    def compare(self, context: Array, weights: Array, top: Array) -> Array:
        """Cosines (R, N) of items `top` to the context (L,) under weights (R, L)."""
        rarity = self.rarity[:, context]
        worth = (weights[:, None] * rarity).reshape(len(weights), -1)
        held = _sums(self.places[:, context], worth, self.width)
        return np.asarray((held[:, self.places[:, top]] * self.rarity[:, top]).sum(axis=1))

    def values_of(self, items: Array) -> Array:
        """The matched values of items (N,), shape (matched, N)."""
        return np.ascontiguousarray(self.values.take(items, axis=0).T, np.intp)

    def is_known(self, values: Array) -> Array:
        """True if these (matched, N) are values, shape (matched, N)."""
        return np.asarray(values != self.nothing[:, None])

    def held(self, context: Array, weights: Array, values: Array) -> tuple[Array, Array]:
        """Context's weight on `values` (matched, N) and on all values, a row per weighting."""
        theirs = self.values_of(context)
        worth = np.concatenate([weights] * len(self.matched), axis=1)
        held = _sums(theirs, worth, self.n_values).take(values, axis=1, mode="clip")
        return held, weights @ self.is_known(theirs).astype(np.float32).T


def _sums(values: Array, worth: Array, size: int) -> Array:
    found, at = np.zeros((len(worth), size), np.float32), values.ravel()
    for total, row in zip(found, worth, strict=True):
        np.add.at(total, at, row)
    return found


def build_likeness(attributes: ItemAttributes) -> tuple[Array, tuple[str, ...]]:
    """Codes in one vocabulary per attribute name, and the columns' names."""
    codes = np.array(attributes.codes, np.int32)
    vocabulary: dict[str, dict[str, int]] = {}
    for column, (name, values) in enumerate(zip(attributes.names, attributes.values, strict=True)):
        known = vocabulary.setdefault(name, {})
        merged = np.array([known.setdefault(value, len(known)) for value in values] + [-1])
        codes[:, column] = merged[codes[:, column]]
    return codes, attributes.names


def likeness_of(codes: Array, columns: tuple[str, ...]) -> Likeness:
    """Weigh the values: the inverse of how many items have each."""
    times = Counter(columns)
    matched = [c for c, name in enumerate(columns) if times[name] == 1][:_MATCHED]
    first, width = {}, 0
    for name in times:
        first[name] = width
        own = [c for c, other in enumerate(columns) if other == name]
        width += int(codes[:, own].max(initial=-1)) + 1
    item, column = np.nonzero(codes >= 0)
    base = np.array([first[name] for name in columns], np.int64)
    place = codes[item, column] + base[column] if len(item) else np.zeros(0, np.int64)
    # An item may have a value in several columns of one name: it counts once.
    item, place = np.divmod(np.unique(item * width + place), max(width, 1))
    rarity = np.log1p(len(codes) / (1.0 + np.bincount(place, minlength=width)))[place]
    return Likeness(
        *_padded(item, place, rarity, len(codes)),
        width, codes, columns, tuple(matched), *_numbered(codes[:, matched]),
    )  # fmt: skip


def _padded(item: Array, place: Array, rarity: Array, items: int) -> tuple[Array, Array]:
    """Return `Likeness.places` and `Likeness.rarity` of pairs that are in order."""
    known, starts, lengths = np.unique(item, return_index=True, return_counts=True)
    if len(known):
        rarity = rarity * np.repeat(1 / np.sqrt(np.add.reduceat(rarity * rarity, starts)), lengths)
    shape = (int(lengths.max(initial=0)), items + 1)
    columns, values = np.zeros(shape, np.intp), np.zeros(shape, np.float32)
    rank = np.arange(len(item)) - np.repeat(starts, lengths)
    columns[rank, item], values[rank, item] = place, rarity
    return columns, values


def _numbered(codes: Array) -> tuple[Array, Array]:
    nothing = np.zeros(codes.shape[1], np.int64)
    # One number more for each column: that of no value.
    nothing[1:] = np.cumsum(codes[:, :-1].max(axis=0, initial=-1) + 2)
    values = np.concatenate([codes + 1 + nothing, nothing[None]])
    return np.ascontiguousarray(values, np.int32), nothing
