"""What the one who asks wants an answer to keep to."""

from dataclasses import dataclass

from pawsonalize.engine.serving.filters.filtering import AppliedFilter
from pawsonalize.engine.serving.promotions import Promotion


@dataclass(frozen=True, slots=True)
class Constraint:
    """A filter of the answer, and a promotion within it.

    The filter is not for promoted items: they keep to the promotion's own.
    """

    filter: AppliedFilter | None = None
    promotion: Promotion | None = None


UNCONSTRAINED = Constraint()
