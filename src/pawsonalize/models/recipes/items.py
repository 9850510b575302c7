"""The catalogue: positions of items, and their cells, the sets that share some attributes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Annotated, Self

import numpy as np

from pawsonalize.core.breeds import family_of
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.models.recipes.artefact import Kept, ModelCard, Stored, below
from pawsonalize.models.recipes.data import Ints, ItemAttributes

_ANIMAL_LEVELS = (("species", "breed"), ("species", "size", "age"), ("species",))
_FAMILY_LEVEL = ("species", "family")
_WITH_FAMILIES = (_ANIMAL_LEVELS[0], _FAMILY_LEVEL, *_ANIMAL_LEVELS[1:])
_SEPARATOR = "\x1f"  # the ids' own rule forbids control characters, so names cannot collide


# An animal group has cells by breed, family (where described), size and age, and species, narrow to
# wide; an unknown item is backed off to them.
class ItemIndex(Stored, frozen=True, dict=True):
    """Ids and `cells` (levels, items + 1), narrow levels first; `n_cells` is none, or outside."""

    # The last column stands for every item outside the catalogue, so no look-up needs a mask.

    ids: Annotated[tuple[str, ...], Kept("item_ids", "items")]
    cell_names: Annotated[tuple[str, ...], Kept("cell_names", "cells")]
    cells: Annotated[Ints, Kept("cells", "levels items+1", below("cells+1"))]

    @property
    def n_cells(self) -> int:
        """Number of cells over all levels."""
        return len(self.cell_names)

    @classmethod
    def build(cls, ids: tuple[str, ...], attributes: ItemAttributes) -> Self:
        """Index a catalogue; an item without a description is read from its id, if it parses."""
        levels = _levels(attributes.names)
        cell: dict[str, int] = {}
        cells = np.full((len(levels), len(ids) + 1), -1, np.int64)
        for item, values in enumerate(_descriptions(ids, attributes)):
            for level, names in enumerate(levels):
                if all(name in values for name in names):
                    name = _SEPARATOR.join((" ".join(names), *(values[name] for name in names)))
                    cells[level, item] = cell.setdefault(name, len(cell))
        cells[cells < 0] = len(cell)
        return cls(ids, tuple(cell), cells)

    @cached_property
    def position(self) -> Mapping[str, int]:
        """Place of each id in the catalogue."""
        return {item_id: place for place, item_id in enumerate(self.ids)}

    @cached_property
    def _cell(self) -> Mapping[str, int]:
        return {name: cell for cell, name in enumerate(self.cell_names)}

    def rows(self, items: Sequence[str]) -> Ints:
        """The positions of the ids; `len(self.ids)` for those outside the catalogue."""
        position, outside = self.position, len(self.ids)
        return np.array([position.get(item, outside) for item in items], np.int64)

    def columns(self, items: Sequence[str]) -> tuple[Ints, list[str]]:
        """Columns of scores for these ids: those outside the catalogue come behind it, in order."""
        columns = self.rows(items)
        places = np.flatnonzero(columns == len(self.ids))
        columns[places] += np.arange(len(places))
        return columns, [items[place] for place in places.tolist()]

    def cells_of_id(self, item_id: str) -> tuple[int, ...] | None:
        """Cells of an animal group by its id; `n_cells` is no cell, None nothing known."""
        group = AnimalGroup.parse(item_id)
        if group is None or len(self.cells) not in {len(_ANIMAL_LEVELS), len(_WITH_FAMILIES)}:
            return None
        cell, none = self._cell, self.n_cells
        # Names as `build` joins them, but without its loops: a request may look up 500 ids.
        species = cell.get(f"species\x1f{group.species}", none)
        if species == none:  # then no narrower cell exists either
            return None
        breed = cell.get(f"species breed\x1f{group.species}\x1f{group.breed}", none)
        body = f"species size age\x1f{group.species}\x1f{group.size}\x1f{group.age}"
        if len(self.cells) == len(_ANIMAL_LEVELS):
            return breed, cell.get(body, none), species
        family = family_of(group.species, group.breed)
        return (
            breed,
            cell.get(f"species family\x1f{group.species}\x1f{family}", none),
            cell.get(body, none),
            species,
        )

    def cells_of_ids(self, items: Sequence[str]) -> Ints:
        """The same of many ids, shape (levels, ids); `n_cells` where nothing is known."""
        nothing = (self.n_cells,) * len(self.cells)
        found = [self.cells_of_id(item) or nothing for item in items]
        return np.array(found, np.int64).reshape(len(items), len(self.cells)).T


class IndexedModel(Stored, frozen=True, dict=True):
    """Base of models with a catalogue of their own."""

    card: ModelCard
    index: Annotated[ItemIndex, Kept("")]

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The catalogue, in the order of `score_catalogue`."""
        return self.index.ids


def _levels(names: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    animal = {name for level in _ANIMAL_LEVELS for name in level}
    if animal <= set(names):
        return _WITH_FAMILIES if "family" in names else _ANIMAL_LEVELS
    if not names:
        return _ANIMAL_LEVELS
    # A catalogue of anything else has one level for each attribute.
    return tuple((name,) for name in dict.fromkeys(names))


def _descriptions(ids: tuple[str, ...], attributes: ItemAttributes) -> Iterator[Mapping[str, str]]:
    for item_id, codes in zip(ids, attributes.codes.tolist(), strict=True):
        described: dict[str, str] = {}
        for name, values, code in zip(attributes.names, attributes.values, codes, strict=True):
            if code >= 0:  # of several values the first is the main one, as lists of genres go
                described.setdefault(name, values[code])
        if described:
            yield described
        else:
            group = AnimalGroup.parse(item_id)
            yield {} if group is None else asdict(group)
