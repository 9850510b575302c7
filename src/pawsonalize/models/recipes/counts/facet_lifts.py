"""Lifts of cells and items by a visitor's facets: counts over those without the facet."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.core.preferences import PREFERRED, USER_FACET
from pawsonalize.models.recipes.artefact import (
    Stored,
    check_codes,
    check_offsets,
    pack_strings,
    take,
    unpack_strings,
)
from pawsonalize.models.recipes.counts.popularity import reweigh
from pawsonalize.models.recipes.counts.rows import Counts, tidy
from pawsonalize.models.recipes.counts.weights import on_grain
from pawsonalize.models.recipes.data import (
    Array,
    Arrays,
    Facet,
    Facets,
    Floats,
    Int32s,
    Ints,
    Singles,
)
from pawsonalize.models.recipes.items import ItemIndex
from pawsonalize.models.recipes.late_scipy import sparse

_PREFIX = "facets."
_SPLIT = "\x1f"
# Weights of a user's choices, the first one first; later ones weigh as little as the last.
RARER = 1.0 / np.sqrt(np.arange(1.0, 10_001.0))
_ATTRIBUTE_OF = {USER_FACET + name: attribute for name, attribute in PREFERRED.items()}


class Tilt(msgspec.Struct, frozen=True):
    """Logs of lifts that add up: `cells` (cells + 1,), and `items` (items,) on top of them."""

    cells: Singles
    items: Singles

    def of_catalogue(self, index: ItemIndex) -> Singles:
        """The whole log of each item's lift, shape (items,)."""
        return np.asarray(self.items + self.cells[index.cells[:, :-1]].sum(axis=0), np.float32)

    def apply(self, parts: Singles, index: ItemIndex, outside: Ints, power: float) -> None:
        """Weigh proposals in place, keeping sums; `outside` (levels, outside), `power` 0 to 1."""
        n_items = len(self.items)
        logs = np.concatenate((self.of_catalogue(index), self.cells[outside].sum(axis=0)))
        # Less the greatest, so that no power overflows; `reweigh` gives each table its sum back.
        reweigh(parts, np.exp(np.float32(power) * (logs - logs.max(initial=-np.inf))), n_items)


class FacetLifts(Stored, frozen=True):
    """Lifts of facets by row: those counted, then the quiz's answers with their fixed effect."""

    counts: Counts | None
    cells: Singles
    items: Singles
    _names: tuple[Facet, ...]
    _row: Mapping[Facet, int]

    @classmethod
    def of(
        cls,
        names: tuple[Facet, ...],
        counts: Counts | None,
        index: ItemIndex,
        doubt: float,
        unlike: float,
    ) -> "FacetLifts":
        """The lifts of these facets by counts of choices (facets, items); None without facets."""
        cells = np.zeros((len(names), index.n_cells + 1), np.float32)
        items = np.zeros((len(names), len(index.ids)), np.float32)
        for name in dict.fromkeys(name for name, _ in names):
            assert counts is not None
            rows = [place for place, facet in enumerate(names) if facet[0] == name]
            cells[rows], items[rows] = _lifts(counts[rows].toarray(), index, doubt)
        quiz = tuple(answers(index))
        wishes = [wish(index, answer, unlike)[np.newaxis] for answer in quiz]
        known = (*names, *quiz)
        row = {facet: place for place, facet in enumerate(known)}
        return cls(counts, np.concatenate((cells, *wishes)), items, names, row)

    @property
    def names(self) -> frozenset[str]:
        """The names of all facets that have a row."""
        return frozenset(name for name, _ in self._row)

    @property
    def counted(self) -> int:
        """Number of facets that were counted."""
        return len(self.items)

    def rows(self, facets: Iterable[Facet]) -> Ints:
        """The rows of a visitor's facets, as far as they are known, in order."""
        found = {self._row[facet] for facet in facets if facet in self._row}
        # Sorted, so that equal visitors get equal scores to the last bit.
        return np.array(sorted(found), np.int64)

    def rows_of(self, facets: Facets) -> Ints:
        """The same for events, shape (events, columns), -1 for none; of a column at a time."""
        return _rows_of(facets, self._row)

    def tilt(self, rows: Ints) -> Tilt | None:
        """Return the joint effect of a visitor's facets; None without any. Rows of -1 are none."""
        known = rows[rows >= 0]
        if not len(known):
            return None
        counted = known[known < self.counted]
        return Tilt(self.cells[known].sum(axis=0), self.items[counted].sum(axis=0))

    def wishes(self, rows: Ints) -> Tilt | None:
        """The same of the quiz's answers alone."""
        return self.tilt(rows[rows >= self.counted])

    def arrays(self) -> dict[str, Array]:
        """The counts as plain arrays; none where nothing was counted."""
        if self.counts is None or not self._names:
            return {}
        return {
            **pack_strings(_PREFIX + "names", [_SPLIT.join(facet) for facet in self._names]),
            _PREFIX + "starts": self.counts.indptr.astype(np.int64),
            _PREFIX + "items": self.counts.indices.astype(np.int32),
            _PREFIX + "counts": self.counts.data,
        }

    @classmethod
    def load(cls, arrays: Arrays, index: ItemIndex, doubt: float, unlike: float) -> "FacetLifts":
        """Rebuild from `arrays`; CorruptArtefact when they do not fit the index."""
        n_items = len(index.ids)
        if not any(name.startswith(_PREFIX) for name in arrays):
            return cls.of((), None, index, doubt, unlike)
        texts = [text.partition(_SPLIT) for text in unpack_strings(_PREFIX + "names", arrays)]
        names = tuple((name, value) for name, _, value in texts)
        starts = take(arrays, _PREFIX + "starts", np.int64, (len(names) + 1,))
        items = take(arrays, _PREFIX + "items", np.int32, (None,))
        counts = take(arrays, _PREFIX + "counts", np.float64, items.shape)
        check_offsets(_PREFIX + "starts", starts, len(items))
        check_codes(_PREFIX + "items", items, n_items)
        if not (np.isfinite(counts) & (counts >= 0)).all() or len(set(names)) < len(names):
            raise CorruptArtefact("the counts of facets do not fit")
        table = sparse.csr_array((counts, items, starts), shape=(len(names), n_items))
        return cls.of(names, table, index, doubt, unlike)


def counted_facets(names: Iterable[str], values: Iterable[Iterable[str]]) -> tuple[Facet, ...]:
    """The facets of these columns that are counted, each once."""
    columns = zip(names, values, strict=True)
    found = ((name, value) for name, own in columns if not is_preference(name) for value in own)
    return tuple(dict.fromkeys(found))


def facet_counts(
    facets: Facets, names: Sequence[Facet], user: Int32s, item: Int32s, weight: Floats, n_items: int
) -> Counts:
    """The weights of choices with each facet, shape (names, items); columns as in the data."""
    row = {name: place for place, name in enumerate(names)}
    worth = on_grain(weight * RARER[np.minimum(earlier_events(user), len(RARER) - 1)])
    shape = (len(names), n_items)
    counts: Counts = sparse.csr_array(shape, dtype=np.float64)
    for column in _rows_of(facets, row).T:
        known = np.flatnonzero(column >= 0)
        places = (column[known], item[known])
        counts = counts + sparse.coo_array((worth[known], places), shape=shape).tocsr()
    return tidy(counts)


def earlier_events(user: Int32s) -> Ints:
    """Count the events of the same user before each event; events are in order of user."""
    edges = np.flatnonzero(np.diff(user, prepend=-1))
    first = np.repeat(edges, np.diff(np.append(edges, len(user))))
    return np.asarray(np.arange(len(user)) - first)


def _rows_of(facets: Facets, row: Mapping[Facet, int]) -> Ints:
    columns = [
        np.array([row.get((name, value), -1) for value in values] + [-1], np.int64)[codes]
        for name, values, codes in zip(facets.names, facets.values, facets.codes.T, strict=True)
    ]
    return np.array(columns, np.int64).reshape(len(columns), len(facets.codes)).T


def _lifts(counts: Floats, index: ItemIndex, doubt: float) -> tuple[Floats, Floats]:
    """Logs of the lifts of one facet's values, of cells and of items; `counts` (values, items)."""
    of_item, of_value = counts.sum(axis=0), counts.sum(axis=1)
    usual = of_item / max(float(of_item.sum()), 1e-30)
    size = index.n_cells + 1
    cells = np.zeros((len(counts), size))
    items = np.zeros(counts.shape)
    for value, chosen in enumerate(counts):
        expected = of_value[value] * usual
        # Wide cells come first: narrow ones are compared with what those explain already.
        for level in index.cells[::-1, :-1]:
            # `doubt` is added to both (a gamma prior: DuMouchel, The American Statistician 53,
            # 1999).
            found = np.bincount(level, chosen, size) + doubt
            lift = np.log(found / (np.bincount(level, expected, size) + doubt))
            lift[-1] = 0.0  # what has no cell
            cells[value] += lift
            expected = expected * np.exp(lift[level])
        items[value] = np.log((chosen + doubt) / (expected + doubt))
    return cells, items


def is_preference(name: str) -> bool:
    """True if the facet of that name is an answer of the quiz about the animals themselves."""
    return name in _ATTRIBUTE_OF


def answers(index: ItemIndex) -> Iterator[Facet]:
    """Every answer that some item of the catalogue matches, in a fixed order."""
    described = [_described(name) for name in index.cell_names]
    for name, attribute in _ATTRIBUTE_OF.items():
        found = {cell[attribute] for cell in described if attribute in cell}
        yield from ((name, value) for value in sorted(found))


def wish(index: ItemIndex, answer: Facet, unlike: float) -> Singles:
    """Log likelihood of cells (cells + 1,), `unlike` counting on the widest level that tells."""
    name, value = answer
    attribute = _ATTRIBUTE_OF[name]
    result = np.zeros(index.n_cells + 1, np.float32)
    for cell, cell_name in enumerate(index.cell_names):
        described = _described(cell_name)
        # Logs of cells add up, so the species counts in its own cell alone.
        alone = attribute != "species" or len(described) == 1
        if alone and described.get(attribute, value) != value:
            result[cell] = np.log(unlike)
    return result


def _described(cell_name: str) -> dict[str, str]:
    names, *values = cell_name.split(_SPLIT)
    return dict(zip(names.split(" "), values, strict=False))
