"""A sample of visitors: the first ones in the order of their numbers, which are digests."""

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from pawsonalize.wings.out_of_core.base import CountingEngine, Frame
from pawsonalize.wings.out_of_core.expressions import col

_BUCKETS = 2.0**12


def last_of_sample(
    engine: CountingEngine, frames: Sequence[Frame], events: int, most: int
) -> int | None:
    """The last visitor of those who have at most so many of the events; None if all have.

    The sample has at least one visitor. Only one of 4,096 of the visitors is counted one by one.
    """
    if events <= most:
        return None
    bucket = (col("visitor").cast(nw.Float64) * (_BUCKETS / 2.0**64)).floor().cast(nw.Int64)
    split = [one.select("visitor", bucket=bucket) for one in frames]
    buckets, counts = _counted(engine, split, "bucket")
    place = int(np.searchsorted(np.cumsum(counts), most, side="right"))
    before = int(counts[:place].sum())
    crossed = int(buckets[place])
    visitors, counts = _counted(
        engine, [one.filter(col("bucket") == crossed) for one in split], "visitor"
    )
    fitting = int(np.searchsorted(np.cumsum(counts) + before, most, side="right"))
    if fitting == 0 and before:  # then the last one of the buckets before
        return int(visitors[0]) - 1
    return int(visitors[max(fitting, 1) - 1])


def _counted(
    engine: CountingEngine, frames: Sequence[Frame], name: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct values of a column, sorted, and how many rows have each."""
    found: list[NDArray[Any]] = [np.zeros((2, 0), np.int64)]
    for one in frames:
        columns = engine.collect(one.group_by(name).agg(n=nw.len()))
        found.append(np.stack([columns[name], columns["n"]]).astype(np.int64))
    values, counts = np.concatenate(found, axis=1)
    distinct, place = np.unique(values, return_inverse=True)
    sums = np.zeros(len(distinct), np.int64)
    np.add.at(sums, place, counts)
    return distinct, sums
