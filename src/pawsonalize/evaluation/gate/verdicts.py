"""What one rule says."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """A rule is kept, broken, cannot be judged for lack of data, or has nothing to judge."""

    PASSED = "passed"
    FAILED = "failed"
    INSUFFICIENT = "insufficient evidence"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's outcome, the numbers it rests on, and both in a plain sentence."""

    rule: str
    outcome: Outcome
    message: str
    numbers: Mapping[str, float]


def verdict(rule: str, passed: bool, message: str, **numbers: float) -> Verdict:
    """The verdict of a rule that could be judged."""
    return Verdict(rule, Outcome.PASSED if passed else Outcome.FAILED, message, numbers)


def not_applicable(rule: str, message: str) -> Verdict:
    """The verdict of a rule that has nothing to judge here."""
    return Verdict(rule, Outcome.NOT_APPLICABLE, message, {})
