"""A part of the training data, as if the rest did not exist."""

from dataclasses import replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.contract import TrainingData


def part_of(
    data: TrainingData, rows: NDArray[np.bool_], items: NDArray[np.bool_], as_of: int
) -> TrainingData:
    """The events and items of two masks; users and items are numbered anew, in their order.

    `rows` is (events,), `items` is (items,); events of items left out are left out as well.
    """
    kept = rows & items[data.item]
    users, user = np.unique(data.user[kept], return_inverse=True)
    return replace(
        data,
        user=user.astype(np.int32),
        item=positions(items)[data.item[kept]].astype(np.int32),
        event_type=data.event_type[kept],
        value=data.value[kept],
        time=data.time[kept],
        n_users=len(users),
        item_ids=tuple(compress(data.item_ids, items.tolist())),
        attributes=replace(data.attributes, codes=data.attributes.codes[items]),
        as_of=as_of,
        stock=data.stock.as_of(as_of, positions(items)),
        facets=data.facets.of(kept),
        returned=data.returned.as_of(as_of, positions(items)),
        disliked=data.disliked.as_of(as_of, positions(items)),
    )


def reordered(data: TrainingData, taken: NDArray[np.int64]) -> TrainingData:
    """Row r with the item, type and value of row `taken[r]`; users and times stay."""
    return replace(
        data,
        item=data.item[taken],
        event_type=data.event_type[taken],
        value=data.value[taken],
    )


def positions(items: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Where each item of a mask stands among those it keeps; -1 for the others."""
    return np.where(items, np.cumsum(items) - 1, -1)
