"""What an answer must keep to."""

from dataclasses import dataclass

from pawsonalize.engine.serving.filters.filtering import AppliedFilter
from pawsonalize.engine.serving.promotions import Promotion


@dataclass(frozen=True, slots=True)
class Constraint:
    """A filter of the answer, and a promotion within it.

    The filter does not apply to promoted items: they have the promotion's own.
    """

    filter: AppliedFilter | None = None
    promotion: Promotion | None = None


UNCONSTRAINED = Constraint()
