"""The fingerprint of training data: which data exactly a model was made of."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.contract import TrainingData


def fingerprint(data: TrainingData) -> str:
    """Sha256 (hex) over every column and id, the same for equal data on any machine."""
    facets = data.facets
    digest = hashlib.sha256(f"{data.n_users} {data.as_of}".encode())
    columns: list[tuple[NDArray[Any], str]] = [
        (data.user, "<i4"),
        (data.item, "<i4"),
        (data.event_type, "<i2"),
        (data.value, "<f4"),
        (data.time, "<i8"),
        (data.attributes.codes, "<i4"),
        (data.stock.item, "<i4"),
        (data.stock.since, "<i8"),
        (data.stock.until, "<i8"),
    ]
    if facets:  # data from before there were any keep their fingerprint
        columns.append((facets.codes, "<i4"))
    if len(data.returned):
        columns += [(data.returned.item, "<i4"), (data.returned.time, "<i8")]
    if len(data.disliked):
        columns += [(data.disliked.item, "<i4"), (data.disliked.time, "<i8")]
    for column, kind in columns:
        digest.update(f"{kind}{column.shape}".encode())
        digest.update(np.ascontiguousarray(column, dtype=kind).tobytes())
    attributes = data.attributes
    described = (attributes.names, *attributes.values)
    if facets:
        described += (facets.names, *facets.values)
    for texts in (data.item_ids, data.event_types, *described):
        digest.update(f"{len(texts)}".encode())
        for text in texts:
            # With its length before it, no two lists of texts read alike.
            encoded = text.encode("utf-8", "surrogatepass")
            digest.update(f" {len(encoded)} ".encode() + encoded)
    return digest.hexdigest()
