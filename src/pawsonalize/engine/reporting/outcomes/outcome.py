"""Outcomes: the events that an adoption site exists for, and what they are worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from pawsonalize.domain.errors import InvalidInput


class Kind(StrEnum):
    """The event types that are outcomes."""

    INQUIRY = "inquiry"
    APPLICATION = "application"
    ADOPTION = "adoption"
    RETURN = "return"


WEIGHTS: Mapping[str, float] = MappingProxyType(
    {Kind.INQUIRY: 0.1, Kind.APPLICATION: 0.3, Kind.ADOPTION: 1.0, Kind.RETURN: -1.0}
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One of them, by a visitor (the user of a bound session) or, None, known from the record.

    `recommendation_id` is the answer that it names itself.
    """

    kind: Kind
    at: int
    visitor: str | None
    item_id: str
    animal_id: str | None = None
    recommendation_id: str | None = None


def read_weights(given: Mapping[str, str]) -> dict[str, float]:
    """The usual weights with those of `name=value` in their place; InvalidInput for others."""
    weights = dict(WEIGHTS)
    for name, value in given.items():
        if name not in weights:
            raise InvalidInput(f"no outcome is called {name}: there are {', '.join(weights)}")
        try:
            weights[name] = float(value)
        except ValueError as error:
            raise InvalidInput(f"the weight of {name} must be a number, not {value}") from error
    if weights[Kind.RETURN] > 0 or not all(abs(each) < 1e6 for each in weights.values()):
        raise InvalidInput("weights are below a million, and a return takes away")
    return weights
