"""Why an item stands where it stands: the parts of its score that weigh most, in plain words."""

from collections.abc import Mapping

from pawsonalize.recipes.contract import Floats

# A part that gives less than this share of a score is no reason for it.
_MIN_SHARE = 0.2
_WORDS = {
    "own history": "you looked at this before",
    "transitions": "often chosen right after what you looked at",
    "co-visits": "liked together with what you looked at",
    "kin": "of a kind you look at",
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
    parts = list(contributions.items())
    return [
        _reasons([(float(values[place]), name) for name, values in parts])
        for place in range(len(parts[0][1]))
    ]


def _reasons(weighed: list[tuple[float, str]]) -> tuple[str, ...]:
    # What speaks against an item, and the constant `base`, are no reasons for it.
    positive = [part for part in weighed if part[0] > 0 and part[1] in _WORDS]
    total = sum(weight for weight, _ in positive)
    strongest = sorted(positive, key=lambda part: -part[0])
    return tuple(_WORDS[name] for weight, name in strongest if weight > _MIN_SHARE * total)
