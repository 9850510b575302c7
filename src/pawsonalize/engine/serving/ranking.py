"""Lists in order: what may be ordered, by which shares, and why."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.serving.reasons import reasons_for
from pawsonalize.recipes.contract import Context, Floats, Model


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


def ordered(scores: Floats) -> tuple[list[int], list[float]]:
    """Places by score, best first, ties in their order; and each one's share of the sum."""
    parts = shares(scores)
    order = np.argsort(-parts, kind="stable")
    return order.tolist(), parts[order].tolist()


def known_reasons(
    model: Model, context: Context, groups: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Why each group that the model knows stands where it stands."""
    known = set(model.item_ids).intersection(groups)
    asked = [group for group in groups if group in known]
    if not asked:
        return {}
    return dict(zip(asked, reasons_for(model.contributions(context, asked)), strict=True))


def shares(scores: Floats) -> NDArray[np.float64]:
    """Weights as shares that sum to 1; of nothing but zeros, even ones."""
    weights = np.asarray(scores, np.float64)
    total = weights.sum()
    return weights / total if total > 0 else np.full(len(weights), 1 / max(1, len(weights)))
