"""Metadata of items: the items dataset, read now and then, and the parts of an id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.times import MINUTE, SECOND
from pawsonalize.engine.serving.filters.columns import AttributeColumns, Attributes
from pawsonalize.storage.animals.catalogue import Catalogue, Item

T = TypeVar("T")
# Of so many models, so that those served no more go.
_KEPT = 8


class PerCatalogue(Generic[T]):
    """Values by catalogue: a tuple of thousands, which is known by its identity while it is here.

    The newest `_KEPT` stay.
    """

    def __init__(self) -> None:
        self._kept: tuple[tuple[tuple[str, ...], T], ...] = ()

    @property
    def catalogues(self) -> tuple[tuple[str, ...], ...]:
        """The catalogues with a kept value."""
        return tuple(item_ids for item_ids, _ in self._kept)

    def get(self, item_ids: tuple[str, ...]) -> T | None:
        """The value kept for this very catalogue, or None."""
        return next((value for known, value in self._kept if known is item_ids), None)

    def put(self, item_ids: tuple[str, ...], value: T) -> T:
        """Keep the value, and return it."""
        others = tuple(one for one in self._kept if one[0] is not item_ids)
        self._kept = ((item_ids, value), *others[: _KEPT - 1])
        return value


MAX_METADATA_COLUMNS = 10
# What the id of an animal group says, in its order.
GROUP_FIELDS = ("ANIMAL_TYPE", "ANIMAL_BREED", "ANIMAL_SIZE", "ANIMAL_AGE")
_ITEMS = "ITEMS"


@dataclass(frozen=True, slots=True)
class _Reading:
    at: int
    items: Mapping[str, Item]
    columns: PerCatalogue[AttributeColumns]

    def rows(self, item_ids: Sequence[str]) -> list[Attributes]:
        return [_described(item_id, self.items.get(item_id)) for item_id in item_ids]

    def remember(self, item_ids: tuple[str, ...]) -> AttributeColumns:
        """Columns of these items, kept in place of those that were made first."""
        return self.columns.put(item_ids, AttributeColumns(item_ids, self.rows(item_ids)))


class MetadataReader:
    """The items dataset as read last; nothing is read before the first query needs it.

    `refresh` shows changes at once; without it they show after a minute.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._last: _Reading | None = None

    def refresh(self, now: int) -> None:
        """Read again, if a query has ever needed it; columns stay if nothing has changed."""
        before = self._last
        if before is None:
            return
        read = self._read(now)
        if read.items == before.items:
            self._last = replace(before, at=now)
            return
        for item_ids in reversed(before.columns.catalogues):  # here, and not for an answer
            read.remember(item_ids)
        self._last = read

    def columns(self, item_ids: tuple[str, ...], now: int) -> AttributeColumns:
        """The attributes of a model's items; as columns they are kept as long as the items are."""
        reading = self._current(now)
        known = reading.columns.get(item_ids)
        return reading.remember(item_ids) if known is None else known

    def of(self, item_ids: Sequence[str], now: int) -> list[Attributes]:
        """The attributes of each of the items, by upper-case name; of an unknown one, its id."""
        return self._current(now).rows(item_ids)

    def select_columns(
        self, item_ids: Sequence[str], wanted: Mapping[str, Sequence[str]], now: int
    ) -> list[Attributes]:
        """Those attributes of each item that `metadataColumns` names: `{"ITEMS": ["GENRES"]}`.

        A column that an item lacks is None. InvalidInput for another dataset or too many columns.
        """
        names = _columns(wanted)
        return [{name: row.get(name) for name in names} for row in self.of(item_ids, now)]

    def _current(self, now: int) -> _Reading:
        reading = self._last
        if reading is None or abs(now - reading.at) > MINUTE:
            reading = self._last = self._read(now)
        return reading

    def _read(self, now: int) -> _Reading:
        return _Reading(
            now, {item.item_id: item for item in self._catalogue.items()}, PerCatalogue()
        )


def _columns(wanted: Mapping[str, Sequence[str]]) -> list[str]:
    for dataset in wanted:
        if dataset.upper() != _ITEMS:
            raise InvalidInput(
                f"metadataColumns knows the dataset {_ITEMS}, not {dataset}",
                field="metadataColumns",
            )
    names = [name.upper() for columns in wanted.values() for name in columns]
    if len(names) > MAX_METADATA_COLUMNS:
        raise InvalidInput(
            f"metadataColumns may name {MAX_METADATA_COLUMNS} columns, not {len(names)}",
            field="metadataColumns",
        )
    return names


def _described(item_id: str, item: Item | None) -> Attributes:
    """Return the dataset's attributes, and those in the id of an animal group."""
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
