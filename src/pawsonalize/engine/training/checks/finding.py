"""What a check found."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """BLOCKING: nothing good can be trained on them. WARNING: it may be worse than it looks."""

    BLOCKING = "blocking"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with the data, its numbers, and what to do about it.

    `code` is stable and for machines. JSON by msgspec as it is.
    """

    code: str
    severity: Severity
    message: str
    numbers: Mapping[str, float]
    fix: str
