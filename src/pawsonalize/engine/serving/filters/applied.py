"""A filter with the values of its placeholders, ready to be applied."""

from collections.abc import Mapping
from dataclasses import dataclass

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.filters.expression import Action, FilterExpression
from pawsonalize.domain.filters.values import Values, read_values


@dataclass(frozen=True, slots=True)
class AppliedFilter:
    """An expression whose every placeholder has values; `expression` is None if nothing is left."""

    expression: FilterExpression | None
    values: Values


def apply(
    expression: FilterExpression, given: Mapping[str, str], field: str = "filterValues"
) -> AppliedFilter:
    """The expression with these values, which the caller calls `field`.

    An EXCLUDE whose placeholders have no values is left out, as Amazon documents it. InvalidInput
    for an INCLUDE without, and for a value that no placeholder asks for.
    """
    values = read_values(given, field)
    for name in values:
        if name not in expression.parameters:
            known = ", ".join(f"${each}" for each in sorted(expression.parameters)) or "none"
            raise InvalidInput(
                f"the filter has no placeholder ${name}: it has {known}", field=f"{field}.{name}"
            )
    clauses = []
    for clause in expression.clauses:
        missing = min(clause.parameters - values.keys(), default=None)
        if missing is None:
            clauses.append(clause)
        elif clause.action is Action.INCLUDE:
            raise InvalidInput(
                f"the filter's INCLUDE needs a value of ${missing}: send it in {field}",
                field=f"{field}.{missing}",
            )
    return AppliedFilter(FilterExpression(tuple(clauses)) if clauses else None, values)
