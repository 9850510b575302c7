"""From the log and the catalogue to the columns that recipes train on."""

from array import array
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.events import DEFAULT_EVENT_TYPE
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.recipes.contract import ItemAttributes, TrainingData
from pawsonalize.storage.base import Catalogue, EventLog

_HUGE = float(np.finfo(np.float32).max)
_MAX_TYPES = int(np.iinfo(np.int16).max)
_GROUP_ATTRIBUTES = ("species", "breed", "size", "age")


class _Codes:
    """Numbers names in the order in which they are first met."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._codes

    def __len__(self) -> int:
        return len(self._codes)

    def number(self, name: str) -> int:
        return self._codes.setdefault(name, len(self._codes))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._codes)


def training_data(log: EventLog, catalogue: Catalogue, *, through: int, as_of: int) -> TrainingData:
    """Events with `offset <= through` and `sent_at <= as_of`, and every item there is.

    The catalogue is the items dataset in order of id, then items that only events name.
    """
    items, types, users = _Codes(), _Codes(), _Codes()
    for described in catalogue.items():
        items.number(described.item_id)
    columns = (array("i"), array("i"), array("h"), array("q"), array("f"))
    for visitor, item_id, kind, sent_at, amount in _rows(log, through, as_of):
        columns[0].append(users.number(visitor))
        columns[1].append(items.number(item_id))
        columns[2].append(_type_code(types, kind))
        columns[3].append(sent_at)
        columns[4].append(np.nan if amount is None else min(max(amount, -_HUGE), _HUGE))
    user, item, event_type, time, value = (np.asarray(column) for column in columns)
    # Rows come in log order and the sort is stable, so equal moments keep it.
    order = np.lexsort((time, user))
    return TrainingData(
        user=user[order],
        item=item[order],
        event_type=event_type[order],
        value=value[order],
        time=time[order],
        n_users=len(users.names),
        item_ids=items.names,
        event_types=types.names,
        attributes=_attributes(items.names),
        as_of=as_of,
    )


def _type_code(types: _Codes, kind: str) -> int:
    """The type's code; once nearly all codes are given, a new type counts as a view."""
    full = len(types) >= _MAX_TYPES - 1 and kind not in types
    return types.number(DEFAULT_EVENT_TYPE if full else kind)


def _rows(
    log: EventLog, through: int, as_of: int
) -> Iterator[tuple[str, str, str, int, float | None]]:
    for batch in log.training_rows(through, as_of):
        yield from batch


def _attributes(item_ids: tuple[str, ...]) -> ItemAttributes:
    values = [_Codes() for _ in _GROUP_ATTRIBUTES]
    codes: NDArray[np.int32] = np.full((len(item_ids), len(values)), -1, np.int32)
    for position, item_id in enumerate(item_ids):
        group = AnimalGroup.parse(item_id)
        if group is not None:
            parts = (group.species, group.breed, group.size, group.age)
            codes[position] = [
                value.number(part) for value, part in zip(values, parts, strict=True)
            ]
    return ItemAttributes(_GROUP_ATTRIBUTES, tuple(value.names for value in values), codes)
