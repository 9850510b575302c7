"""Lists in order: what may be ordered, by which shares, and why."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.recipes.data import Floats


def check_ids(item_ids: Sequence[str], most: int) -> None:
    """InvalidInput for an empty list, one of more than `most` ids, or an id given twice."""
    if not 1 <= len(item_ids) <= most:
        raise InvalidInput(
            f"itemMetadataList must have 1 to {most} entries, not {len(item_ids)}",
            field="itemMetadataList",
        )
    seen = set()
    for place, item_id in enumerate(item_ids):
        if item_id in seen:
            raise InvalidInput(
                f"itemId {item_id} is in the list twice: send each animal once",
                field=f"itemMetadataList[{place}].itemId",
            )
        seen.add(item_id)


def order_places(scores: Floats) -> tuple[list[int], list[float]]:
    """Places by score, best first, ties in their order; and each one's share of the sum."""
    parts = shares(scores)
    order = np.argsort(-parts, kind="stable")
    return order.tolist(), parts[order].tolist()


def shares(scores: Floats) -> NDArray[np.float64]:
    """Weights as shares that sum to 1; even shares if all weights are 0."""
    weights = np.asarray(scores, np.float64)
    total = weights.sum()
    return weights / total if total > 0 else np.full(len(weights), 1 / max(1, len(weights)))
