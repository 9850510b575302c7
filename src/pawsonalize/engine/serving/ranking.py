"""Lists in order: what may be ordered, by which shares, and why."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.recipes.contract import Context, Model
from pawsonalize.recipes.data import Floats

# A part that gives less than this share of a score is no reason for it.
_MIN_SHARE = 0.2
_WORDS = {
    "own history": "you looked at this before",
    "transitions": "often chosen right after what you looked at",
    "co-visits": "liked together with what you looked at",
    "related items": "of a kind you look at",
    "popularity": "popular now",
    "freshness": "new here",
    "neighbours": "liked by visitors with a taste like yours",
    "factors": "goes with what you looked at",
    "species": "of the kind of animal you look at",
    "breed": "of a breed you look at",
    "size": "of the size you look at",
    "age": "of the age you look at",
    "trend": "asked for more and more",
    "context": "liked by visitors like you",
    "preferences": "fits what you are looking for",
    "blend": "fits your visit best all in all",
    "propensity": "often taken by visitors like you",
}


def reasons_for(contributions: Mapping[str, Floats]) -> list[tuple[str, ...]]:
    """The reasons of each item, the weightiest first.

    `contributions` are a model's, by the name of the part; all arrays have shape (items,).
    """
    parts = [(name, values) for name, values in contributions.items() if _tells(name, values)]
    count = max((len(values) for values in contributions.values()), default=0)
    return [
        _reasons([(float(values[place]), name) for name, values in parts]) for place in range(count)
    ]


def _tells(name: str, values: Floats) -> bool:
    """Whether the part is a reason at all: where all are equally popular, nobody is popular."""
    return name != "popularity" or len(values) < 2 or float(np.ptp(values)) > 0


def _reasons(weighed: list[tuple[float, str]]) -> tuple[str, ...]:
    # Parts that speak against an item, and the constant `base`, are no reasons for it.
    positive = [part for part in weighed if part[0] > 0 and part[1] in _WORDS]
    total = sum(weight for weight, _ in positive)
    strongest = sorted(positive, key=lambda part: -part[0])
    return tuple(_WORDS[name] for weight, name in strongest if weight > _MIN_SHARE * total)


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


def known_reasons(
    model: Model, context: Context, groups: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """The reasons for each group that the model knows."""
    known = set(model.item_ids).intersection(groups)
    wanted = [group for group in groups if group in known]
    if not wanted:
        return {}
    return dict(zip(wanted, reasons_for(model.contributions(context, wanted)), strict=True))


def shares(scores: Floats) -> NDArray[np.float64]:
    """Weights as shares that sum to 1; even shares if all weights are 0."""
    weights = np.asarray(scores, np.float64)
    total = weights.sum()
    return weights / total if total > 0 else np.full(len(weights), 1 / max(1, len(weights)))
