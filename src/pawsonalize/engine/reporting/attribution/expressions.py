"""The expressions of metrics: `SAMPLECOUNT()`, `SUM(Interactions.COLUMN)`, `SUM(Items.COLUMN)`."""

import re
from dataclasses import dataclass
from enum import StrEnum

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.schemas import DatasetType

_SUM = re.compile(
    r"\s*SUM\s*\(\s*(Interactions|Items)\s*\.\s*(\w+)\s*\)\s*", re.IGNORECASE | re.ASCII
)
_COUNT = re.compile(r"\s*SAMPLECOUNT\s*\(\s*\)\s*", re.IGNORECASE)


class Function(StrEnum):
    """How events are added up."""

    SUM = "SUM"
    COUNT = "SAMPLECOUNT"


@dataclass(frozen=True, slots=True)
class Expression:
    """A function, and the column it is of; a count has none."""

    function: Function
    dataset: DatasetType = DatasetType.INTERACTIONS
    column: str = ""


def parse_expression(text: str) -> Expression:
    """Read an expression; InvalidInput says which there are."""
    if _COUNT.fullmatch(text):
        return Expression(Function.COUNT)
    match = _SUM.fullmatch(text)
    if match is None:
        raise InvalidInput(
            f"the expression must be SAMPLECOUNT(), SUM(Interactions.COLUMN) or"
            f" SUM(Items.COLUMN), not {text[:100]}",
            field="expression",
        )
    return Expression(Function.SUM, DatasetType(match[1].capitalize()), match[2].upper())
