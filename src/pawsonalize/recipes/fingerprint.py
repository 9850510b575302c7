"""The fingerprint of data: what a model was made of, as a text of 64 characters.

Each event has a mark, and the marks of each item's events are added up. So it does not matter in
which order events are read, or how many machines read them: an engine beside its rows finds the
same. A mark takes nothing but products and remainders of whole numbers below 2 ** 62.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.contract import ItemAttributes, Returned, StayColumns, TrainingData
from pawsonalize.recipes.counts.weights import GRAIN, MOST

PRIME = 2**31 - 1
FACTORS = (1_103_515_245, 69_621, 742_938_285, 950_706_376, 1_226_874_159, 62_089_911)
"""What the item, type, value, time, place and item before are multiplied by."""
FACET_FACTOR = 1_343_714_438
SHIFT = 452_807_053

Ints = NDArray[np.int64]


def fingerprint(data: TrainingData) -> str:
    """The same for equal data on any machine, by every column and name."""
    first = np.diff(data.user, prepend=-1) != 0
    edges = np.flatnonzero(first)
    place = np.arange(len(data)) - np.repeat(edges, np.diff(np.append(edges, len(data))))
    before = np.where(first, -1, np.roll(data.item, 1)).astype(np.int64)
    known = np.isfinite(data.value)
    value = np.where(known, np.clip(np.nan_to_num(data.value.astype(np.float64)), 0.0, MOST), -1.0)
    columns = (
        data.item.astype(np.int64),
        data.event_type.astype(np.int64),
        np.floor(value * GRAIN).astype(np.int64) % PRIME,
        data.time % PRIME,
        place % PRIME,
        before + 1,
    )
    mark = facet_marks(data.facets.codes) if data.facets else np.zeros(len(data), np.int64)
    for column, factor in zip(columns, FACTORS, strict=True):
        mark = (mark + column * factor % PRIME) % PRIME
    mark = mark * ((mark + SHIFT) % PRIME) % PRIME
    sums = np.zeros(len(data.item_ids), np.int64)
    np.add.at(sums, data.item, mark)
    return sealed(
        (data.n_users, len(data), data.as_of),
        sums,
        (data.item_ids, data.event_types),
        data.attributes,
        data.stays,
        (data.facets.names, *data.facets.values),
        (data.returned, data.disliked),
    )


def facet_marks(codes: NDArray[np.int32]) -> Ints:
    """The marks of events' facets by their codes (events, columns), -1 = none; shape (events,).

    That of several columns is the sum of those of each, up to a multiple of the prime.
    """
    marks = np.zeros(len(codes), np.int64)
    for column, own in enumerate(codes.T):
        marks += facet_mark(column, own)
    return marks % PRIME


def facet_mark(column: int, codes: NDArray[np.integer]) -> Ints:
    """The same of one column."""
    return (codes.astype(np.int64) + 1) * ((column + 1) * FACET_FACTOR % PRIME) % PRIME


def sealed(
    numbers: tuple[int, ...],
    sums: Ints,
    names: Sequence[Sequence[str]],
    attributes: ItemAttributes,
    stays: StayColumns,
    facets: Sequence[Sequence[str]],
    against: Sequence[Returned],
) -> str:
    """The fingerprint, of the sums of marks by item and of what is known beside events."""
    digest = hashlib.sha256(" ".join(map(str, numbers)).encode())
    columns: list[tuple[NDArray[Any], str]] = [
        (sums, "<i8"),
        (attributes.codes, "<i4"),
        (stays.item, "<i4"),
        (stays.since, "<i8"),
        (stays.until, "<i8"),
    ]
    for events in against:
        columns += [(events.item, "<i4"), (events.time, "<i8")]
    for column, kind in columns:
        digest.update(f"{kind}{column.shape}".encode())
        digest.update(np.ascontiguousarray(column, dtype=kind).tobytes())
    for texts in (*names, attributes.names, *attributes.values, *facets):
        digest.update(f"{len(texts)}".encode())
        for text in texts:
            # With its length before it, no two lists of texts read alike.
            encoded = text.encode("utf-8", "surrogatepass")
            digest.update(f" {len(encoded)} ".encode() + encoded)
    return digest.hexdigest()
