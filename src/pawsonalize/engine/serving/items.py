"""Items: their attributes as columns, from the items dataset and their ids, and their animals."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.filters import number_text, read_number
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.times import MINUTE, SECOND
from pawsonalize.engine.serving.animals.available_watch import AvailableAnimalsWatch
from pawsonalize.storage.animals.animals import Availability
from pawsonalize.storage.animals.catalogue import Catalogue, Item

Attributes = Mapping[str, str | float | None]
Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]
T = TypeVar("T")
MAX_METADATA_COLUMNS = 10
GROUP_FIELDS = ("ANIMAL_TYPE", "ANIMAL_BREED", "ANIMAL_SIZE", "ANIMAL_AGE")
"""The parts of an animal group's id, in its order."""
_ITEMS = "ITEMS"
_KEPT = 8  # of the newest models' catalogues, so that those served no more go


class Texts(msgspec.Struct, frozen=True):
    """A column of text: the rows of each value, and the rows with any value, shape (rows,)."""

    positions: Mapping[str, NDArray[np.intp]]
    known: Mask

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, str]], rows: int) -> "Texts":
        """From pairs of row and value; a row may have several, or none."""
        places: dict[str, list[int]] = {}
        known = np.zeros(rows, np.bool_)
        for row, value in pairs:
            places.setdefault(value, []).append(row)
        positions = {value: np.array(found, np.intp) for value, found in places.items()}
        for found in positions.values():
            known[found] = True
        return cls(positions, known)

    def rows_having(self, values: Iterable[str]) -> Mask:
        """True for rows that have one of the values, shape (rows,)."""
        mask = np.zeros(len(self.known), np.bool_)
        for value in values:
            if (found := self.positions.get(value)) is not None:
                mask[found] = True
        return mask


class AttributeColumns:
    """Columns of rows, made when needed; text with `|` is several values, a number also text."""

    def __init__(self, ids: Sequence[str], rows: Sequence[Attributes]) -> None:
        self.ids = ids
        self._rows = rows
        self._texts: dict[str, Texts] = {}
        self._numbers: dict[str, NDArray[np.float64]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @cached_property
    def position(self) -> Mapping[str, int]:
        """The row of each id."""
        return {row_id: place for place, row_id in enumerate(self.ids)}

    def texts(self, name: str) -> Texts:
        """The attribute as text."""
        column = self._texts.get(name)
        if column is None:
            pairs = (
                (place, text)
                for place, row in enumerate(self._rows)
                for text in texts_of(row.get(name))
            )
            column = self._texts[name] = Texts.of(pairs, len(self))
        return column

    def numbers(self, name: str) -> NDArray[np.float64]:
        """The attribute as numbers, shape (rows,); NaN for null and for text that is none."""
        column = self._numbers.get(name)
        if column is None:
            values = [number_of(row.get(name)) for row in self._rows]
            column = self._numbers[name] = np.array(values, np.float64)
        return column


def texts_of(value: str | float | None) -> list[str]:
    """The values that an attribute holds, as text."""
    if value is None:
        return []
    if isinstance(value, str):
        return list(filter(None, value.split("|")))
    return [number_text(float(value))]  # Python 3.11 cannot ask an int whether it is whole


def number_of(value: str | float | None) -> float:
    """The number that an attribute is or reads as, NaN if none."""
    number = read_number(value) if isinstance(value, str) else value
    return float("nan") if number is None else float(number)


class PerCatalogue(Generic[T]):
    """Values of the newest catalogues; a tuple of thousands is known by its identity."""

    def __init__(self) -> None:
        self._kept: tuple[tuple[tuple[str, ...], T], ...] = ()

    @property
    def catalogues(self) -> tuple[tuple[str, ...], ...]:
        """The catalogues with a kept value."""
        return tuple(item_ids for item_ids, _ in self._kept)

    def get(self, item_ids: tuple[str, ...], make: Callable[[], T]) -> T:
        """The value kept for this very catalogue, or a new one."""
        for known, value in self._kept:
            if known is item_ids:
                return value
        # Replaced as a whole, so readers need no lock.
        self._kept = ((item_ids, made := make()), *self._kept[: _KEPT - 1])
        return made


class _Reading(msgspec.Struct, frozen=True):
    at: int
    changes: int
    items: Mapping[str, Item]
    columns: PerCatalogue[AttributeColumns]

    def rows(self, item_ids: Sequence[str]) -> list[Attributes]:
        return [_described(item_id, self.items.get(item_id)) for item_id in item_ids]

    def columns_of(self, item_ids: tuple[str, ...]) -> AttributeColumns:
        return self.columns.get(item_ids, lambda: AttributeColumns(item_ids, self.rows(item_ids)))


@dataclass(eq=False)
class MetadataReader:
    """The items dataset, read when a query needs it, and again by `refresh` or after a minute."""

    catalogue: Catalogue

    def __post_init__(self) -> None:
        self._last: _Reading | None = None

    def refresh(self, now: int) -> None:
        """Read again, if a query has ever needed it; columns stay if nothing has changed."""
        before = self._last
        if before is None:
            return
        if before.changes == self.catalogue.item_changes():
            self._last = replace(before, at=now)
            return
        read = self._read(now)
        for item_ids in reversed(before.columns.catalogues):  # so that no answer waits for them
            read.columns_of(item_ids)
        self._last = read

    def columns(self, item_ids: tuple[str, ...], now: int) -> AttributeColumns:
        """The attributes of a model's items; as columns they are kept as long as the items are."""
        return self._current(now).columns_of(item_ids)

    def of(self, item_ids: Sequence[str], now: int) -> list[Attributes]:
        """The attributes of each of the items, by upper-case name; of an unknown one, its id."""
        return self._current(now).rows(item_ids)

    def select_columns(
        self, item_ids: Sequence[str], wanted: Mapping[str, Sequence[str]], now: int
    ) -> list[Attributes]:
        """The attributes that `metadataColumns` names: `{"ITEMS": ["GENRES"]}`; None if lacking."""
        names = [name.upper() for columns in wanted.values() for name in columns]
        others = [dataset for dataset in wanted if dataset.upper() != _ITEMS]
        wrong = None
        if others:
            wrong = f"knows the dataset {_ITEMS}, not {others[0]}"
        elif len(names) > MAX_METADATA_COLUMNS:
            wrong = f"may name {MAX_METADATA_COLUMNS} columns, not {len(names)}"
        if wrong:
            raise InvalidInput(f"metadataColumns {wrong}", field="metadataColumns")
        return [{name: row.get(name) for name in names} for row in self.of(item_ids, now)]

    def _current(self, now: int) -> _Reading:
        reading = self._last
        if reading is None or abs(now - reading.at) > MINUTE:
            reading = self._last = self._read(now)
        return reading

    def _read(self, now: int) -> _Reading:
        # The changes are read first: what changes while the items are read is read again.
        changes = self.catalogue.item_changes()
        items = {item.item_id: item for item in self.catalogue.items()}
        return _Reading(now, changes, items, PerCatalogue())


def _described(item_id: str, item: Item | None) -> Attributes:
    row: dict[str, str | float | None] = {"ITEM_ID": item_id}
    group = AnimalGroup.parse(item_id)
    if group is not None:
        parts = (group.species, group.breed, group.size, group.age)
        row |= zip(GROUP_FIELDS, parts, strict=True)
    if item is not None:
        row |= {name: value for name, value in item.attributes.items() if value is not None}
        if item.created_at is not None:
            row["CREATION_TIMESTAMP"] = item.created_at / SECOND
    return row


# A clock that runs behind another machine's does no harm: no answer is of a moment before the
# newest change.
@dataclass(eq=False)
class AvailabilityWatch:
    """Available animals of each item: exact in every answer, counted only if changed."""

    availability: Availability
    available: AvailableAnimalsWatch | None = None
    """The animals as of now, where a process has them in memory; else tables are read."""

    def __post_init__(self) -> None:
        self._known = np.empty(0, np.int64), PerCatalogue[Counts]()

    def of(self, item_ids: tuple[str, ...], at: int, now: int) -> Counts | None:
        """Available animals of each item, shape (items,); None if no animal is known."""
        if at == now and self.available is not None:
            # Neither needs the lock: the counts are replaced as a whole, and names are only added.
            available = self.available.of(now, now)
            there, names = available.there, available.codes["group"].names
            if not self.available.knows_any:
                return None
            known = self._known  # once: another thread may put newer counts in its place
            if there is not known[0]:
                known = self._known = there, PerCatalogue()
            return known[1].get(
                item_ids, lambda: _listed(item_ids, dict(zip(names, there.tolist(), strict=False)))
            )
        revision = self.availability.revision()
        animals = self.availability.count(max(now, revision.at) if at == now else at)
        is_known = revision.number > 0 and (bool(animals) or at == now)
        return _listed(item_ids, animals) if is_known else None


def _listed(item_ids: tuple[str, ...], animals: Mapping[str, int]) -> Counts:
    return np.array([animals.get(item, 0) for item in item_ids], np.int64)
