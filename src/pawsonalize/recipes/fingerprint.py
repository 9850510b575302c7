"""The fingerprint of data: what a model was made of, as a text of 64 characters.

Each event has a mark, and the marks of each item's events are added up. So it does not matter in
which order events are read, or in how many parts. A mark takes nothing but products and remainders
of whole numbers below 2 ** 62.
"""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.counts.weights import GRAIN, MOST
from pawsonalize.recipes.data import TrainingData

_PRIME = 2**31 - 1
_FACTORS = (1_103_515_245, 69_621, 742_938_285, 950_706_376, 1_226_874_159, 62_089_911)
"""Factors of the item, type, value, time, place and item before."""
_FACET_FACTOR = 1_343_714_438
_SHIFT = 452_807_053

Ints = NDArray[np.int64]


def fingerprint(data: TrainingData) -> str:
    """The same for equal data on any machine, by every column and name."""
    return seal_fingerprint(data, len(data), item_marks(data))


def item_marks(data: TrainingData) -> Ints:
    """The sum of the marks of each item's events, shape (items,)."""
    first = np.diff(data.user, prepend=-1) != 0
    edges = np.flatnonzero(first)
    place = np.arange(len(data)) - np.repeat(edges, np.diff(np.append(edges, len(data))))
    before = np.where(first, -1, np.roll(data.item, 1)).astype(np.int64)
    known = np.isfinite(data.value)
    value = np.where(known, np.clip(np.nan_to_num(data.value.astype(np.float64)), 0.0, MOST), -1.0)
    columns = (
        data.item.astype(np.int64),
        data.event_type.astype(np.int64),
        np.floor(value * GRAIN).astype(np.int64) % _PRIME,
        data.time % _PRIME,
        place % _PRIME,
        before + 1,
    )
    mark = np.zeros(len(data), np.int64)
    for number, codes in enumerate(data.facets.codes.T if data.facets else (), start=1):
        mark += (codes.astype(np.int64) + 1) * (number * _FACET_FACTOR % _PRIME) % _PRIME
    for column, factor in zip(columns, _FACTORS, strict=True):
        mark = (mark + column * factor % _PRIME) % _PRIME
    mark = mark * ((mark + _SHIFT) % _PRIME) % _PRIME
    sums = np.zeros(len(data.item_ids), np.int64)
    np.add.at(sums, data.item, mark)
    return sums


def seal_fingerprint(data: TrainingData, n_events: int, marks: Ints) -> str:
    """The fingerprint of so many events with these sums of marks, and of all else in the data."""
    attributes, stays = data.attributes, data.stays
    numbers = (data.n_users, n_events, data.as_of)
    digest = hashlib.sha256(" ".join(map(str, numbers)).encode())
    columns: list[tuple[NDArray[Any], str]] = [
        (marks, "<i8"),
        (attributes.codes, "<i4"),
        (stays.item, "<i4"),
        (stays.since, "<i8"),
        (stays.until, "<i8"),
    ]
    for events in (data.returned, data.disliked):
        columns += [(events.item, "<i4"), (events.time, "<i8")]
    for column, kind in columns:
        digest.update(f"{kind}{column.shape}".encode())
        digest.update(np.ascontiguousarray(column, dtype=kind).tobytes())
    names = (data.item_ids, data.event_types, attributes.names, *attributes.values)
    for texts in (*names, data.facets.names, *data.facets.values):
        digest.update(f"{len(texts)}".encode())
        for text in texts:
            # With its length before it, no two lists of texts read alike.
            encoded = text.encode("utf-8", "surrogatepass")
            digest.update(f" {len(encoded)} ".encode() + encoded)
    return digest.hexdigest()
