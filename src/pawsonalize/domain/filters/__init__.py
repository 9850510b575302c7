"""The filter language of Amazon Personalize: which items or users a result may hold."""

from pawsonalize.domain.filters.expression import FilterExpression
from pawsonalize.domain.filters.parser import parse

__all__ = ["FilterExpression", "parse"]
