"""What a request or an answer has that is taken and does nothing here."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pawsonalize.aws.recipes import WITHOUT_EFFECT

WARNING: Final = "x-pawsonalize-warning"
"""The header of an answer that has one of them; there may be several."""
_LEAST = 1  # the rate that Amazon takes where none is given
_NOTHING: Final[Mapping[str, str]] = {
    "kmsKeyArn": "there are no keys of KMS: encrypt the disk",
    "minProvisionedTPS": "nothing is scaled or throttled by it",
    "minRecommendationRequestsPerSecond": "nothing is scaled or throttled by it",
}


def without_effect(members: object) -> Iterator[str]:
    """Yield a sentence for each member, hyperparameter and HPO range that does nothing."""
    if isinstance(members, list | tuple):
        for one in members:
            yield from without_effect(one)
    if not isinstance(members, Mapping):
        return
    for name, value in members.items():
        if name in _NOTHING and value not in {None, _LEAST}:
            yield f"{name}: {_NOTHING[name]}"
        elif name in WITHOUT_EFFECT:
            yield f"{name}: no model here has this hyperparameter"
        elif name.endswith("HyperParameterRanges") and isinstance(value, list | tuple):
            yield from _ranges(value)
        else:
            yield from without_effect(value)


def _ranges(listed: list[Any] | tuple[Any, ...]) -> Iterator[str]:
    for one in listed:
        if one.get("name") in WITHOUT_EFFECT:
            yield f"{one['name']}: its range is not searched because no model here has it"
