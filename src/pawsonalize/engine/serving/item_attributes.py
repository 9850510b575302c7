"""The catalogue's attributes: what ids of animal groups say, and the Items dataset's columns."""

from collections.abc import Iterator, Sequence

import numpy as np

from pawsonalize.domain.breeds import family_of
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.preferences import SEPARATOR
from pawsonalize.domain.schemas import DatasetType, Schema
from pawsonalize.recipes.contract import ItemAttributes
from pawsonalize.storage.base import Catalogue, Value

_GROUP_ATTRIBUTES = ("species", "breed", "size", "age", "family")
_OF_THE_ID = frozenset({"ANIMAL_TYPE", "ANIMAL_BREED", "ANIMAL_SIZE", "ANIMAL_AGE"})
_MAX_VALUES = 16  # of one attribute of one item

Columns = dict[str, list[list[str]]]


def item_attributes(item_ids: Sequence[str], catalogue: Catalogue) -> ItemAttributes:
    """Describe the items: animal groups by their ids, all by the Items dataset.

    Of the dataset the columns count that its schema calls categorical. Where ids say species,
    breed, size and age, columns that repeat them are left out; where no id does, these four are.
    """
    groups = [AnimalGroup.parse(item_id) for item_id in item_ids]
    are_groups = any(groups)
    names = categorical(catalogue.schema(DatasetType.ITEMS))
    names = [name for name in names if not (are_groups and name in _OF_THE_ID)]
    columns: Columns = {}
    if are_groups or not names:
        for name in _GROUP_ATTRIBUTES:
            columns[name] = [
                [] if group is None else _values_of_group(group, name) for group in groups
            ]
    if names:
        described = {item.item_id: item.attributes for item in catalogue.items()}
        for name in names:
            rows = [described.get(item_id, {}).get(name) for item_id in item_ids]
            columns[name] = [values_of(value) for value in rows]
    return _coded(columns, len(item_ids))


def _values_of_group(group: AnimalGroup, name: str) -> list[str]:
    """The value that a group has of an attribute, none for the family of a breed nobody knows."""
    if name != "family":
        return [getattr(group, name)]
    family = family_of(group.species, group.breed)
    return [] if family is None else [family]


def categorical(schema: Schema | None) -> list[str]:
    """The names of the schema's categorical columns, beside the ids."""
    fields = () if schema is None else schema.fields
    return [f.name for f in fields if f.categorical and f.name not in {"ITEM_ID", "USER_ID"}]


def values_of(value: Value) -> list[str]:
    """The values of a categorical column, each once: `a|b` has two."""
    if value is None:
        return []
    text = f"{value:g}" if isinstance(value, float) else str(value)
    parts = (part.strip() for part in text.split(SEPARATOR))
    return list(dict.fromkeys(part for part in parts if part))[:_MAX_VALUES]


def _coded(columns: Columns, n_items: int) -> ItemAttributes:
    """One column for each attribute, more for those of which an item has several values."""
    coded = [column for name, rows in columns.items() for column in _columns(name, rows)]
    codes = np.array([codes for _, _, codes in coded], np.int32).reshape(len(coded), n_items)
    return ItemAttributes(
        tuple(name for name, _, _ in coded),
        tuple(values for _, values, _ in coded),
        np.ascontiguousarray(codes.T),
    )


def _columns(
    name: str, rows: Sequence[Sequence[str]]
) -> Iterator[tuple[str, tuple[str, ...], list[int]]]:
    code: dict[str, int] = {}
    found = [[code.setdefault(value, len(code)) for value in row] for row in rows]
    for place in range(max(map(len, found), default=0) or 1):
        yield name, tuple(code), [row[place] if place < len(row) else -1 for row in found]
