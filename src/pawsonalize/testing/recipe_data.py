"""Training data for tests, written as tuples."""

from collections.abc import Iterable, Sequence

import numpy as np

from pawsonalize.models.recipes.contract import Context, ContextEvent
from pawsonalize.models.recipes.data import ItemAttributes, TrainingData

NOW = 1_790_000_000_000


def undescribed(n_items: int) -> ItemAttributes:
    return ItemAttributes((), (), np.zeros((n_items, 0), np.int32))


def described(rows: Sequence[Sequence[str | None]], names: tuple[str, ...]) -> ItemAttributes:
    """Attributes from one row of values per item; None where an item has none."""
    values = [sorted({row[a] or "" for row in rows} - {""}) for a in range(len(names))]
    codes = [
        [-1 if value is None else values[a].index(value) for a, value in enumerate(row)]
        for row in rows
    ]
    return ItemAttributes(
        names,
        tuple(tuple(column) for column in values),
        np.array(codes, np.int32).reshape(len(rows), len(names)),
    )


def training_data(
    events: Iterable[tuple[str, str, int] | tuple[str, str, int, str]],
    catalogue: Sequence[str] = (),
    attributes: ItemAttributes | None = None,
    as_of: int = NOW,
) -> TrainingData:
    """Data of `(user, item, time)` or `(user, item, time, event type)`, in the log's order.

    The catalogue is what is given, then every other item in the order it is first met.
    """
    rows = [(*event, "view")[:4] for event in events]
    items = list(dict.fromkeys([*catalogue, *(row[1] for row in rows)]))
    users = list(dict.fromkeys(row[0] for row in rows))
    types = list(dict.fromkeys(row[3] for row in rows)) or ["view"]
    rows.sort(key=lambda row: (users.index(row[0]), row[2]))
    return TrainingData(
        user=np.array([users.index(row[0]) for row in rows], np.int32),
        item=np.array([items.index(row[1]) for row in rows], np.int32),
        event_type=np.array([types.index(row[3]) for row in rows], np.int16),
        value=np.full(len(rows), np.nan, np.float32),
        time=np.array([row[2] for row in rows], np.int64),
        n_users=len(users),
        item_ids=tuple(items),
        event_types=tuple(types),
        attributes=attributes or undescribed(len(items)),
        as_of=as_of,
    )


def context(*items: str, kind: str = "view", now: int = NOW, age: int = 60_000) -> Context:
    """A visitor who looked at the items, newest first, the newest `age` milliseconds ago."""
    events = (ContextEvent(item, kind, now - age - 60_000 * k) for k, item in enumerate(items))
    return Context(tuple(events), now)
