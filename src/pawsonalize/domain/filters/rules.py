"""Rules of filter expressions beyond the grammar, and their limits: as Amazon documents them."""

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.filters.expression import (
    ANY_EVENT_TYPE,
    Attribute,
    Condition,
    FilterExpression,
    Operand,
    Operator,
    Parameter,
    Source,
    Subject,
)

MAX_LENGTH = 2_500
MAX_FIELDS = 10
MAX_PARAMETERS = 25
MAX_PARAMETER_LENGTH = 50
EVENT_TYPE = "EVENT_TYPE"

_SOURCES = {
    Subject.ITEM: (Source.ITEMS, Source.INTERACTIONS),
    Subject.USER: (Source.USERS, Source.INTERACTIONS),
}


def misplacement(condition: Condition, subject: Subject, first: Source) -> str | None:
    """Return why a condition may not stand after WHERE, or None; `first`: the first source."""
    attribute = condition.attribute
    allowed = _SOURCES[subject]
    if attribute.source not in allowed:
        if attribute.source in {Source.CURRENT_USER, Source.USERS}:
            return f"of the user an item filter asks after IF: IF CurrentUser.{attribute.name} …"
        return f"after {subject} WHERE stand conditions of {' or of '.join(allowed)}"
    if attribute.source is not first:
        return (
            f"this expression speaks of {first}: put {attribute.source} into one of its own, … | …"
        )
    if attribute.source is Source.INTERACTIONS and attribute.name != EVENT_TYPE:
        return f"of interactions only Interactions.{EVENT_TYPE} can be filtered by"
    return None


def misplaced_after_if(condition: Condition, subject: Subject) -> str | None:
    """Return why a condition may not stand after IF, or None."""
    if subject is Subject.USER:
        return "a filter of users has no current user: leave the IF out"
    if condition.attribute.source is not Source.CURRENT_USER:
        return f"IF asks of the current user only: CurrentUser.{condition.attribute.name}"
    return None


def unfit(condition: Condition, operand: Operand, *, is_star: bool) -> str | None:
    """Return why an operand does not go with its operator and attribute, or None."""
    operator, attribute = condition.operator, condition.attribute
    if operator.is_order and attribute.source is Source.INTERACTIONS:
        return f"event types have no order: use IN instead of {operator}"
    if isinstance(operand, Attribute):
        return _unfit_attribute(attribute, operand)
    if isinstance(operand, Parameter):
        return _unfit_parameter(operator, operand)
    if operand == ANY_EVENT_TYPE and (is_star or attribute.name == EVENT_TYPE):
        if attribute != Attribute(Source.INTERACTIONS, EVENT_TYPE) or not operator.is_list:
            return f"* stands for any event type: Interactions.{EVENT_TYPE} IN (*)"
    elif operator.is_order and isinstance(operand, str):
        return f"{operator} compares numbers: write one without quotes, or use IN"
    return None


def check_size(expression: FilterExpression) -> None:
    """InvalidInput for more fields or placeholders than a filter may have."""
    fields = sorted(map(str, expression.attributes))
    if len(fields) > MAX_FIELDS:
        raise InvalidInput(
            f"a filter may speak of {MAX_FIELDS} fields, not {len(fields)}"
            f" ({', '.join(fields)}): make two filters",
            field="expression",
        )
    if len(expression.parameters) > MAX_PARAMETERS:
        raise InvalidInput(
            f"a filter may have {MAX_PARAMETERS} placeholders, not {len(expression.parameters)}",
            field="expression",
        )


def _unfit_attribute(attribute: Attribute, operand: Attribute) -> str | None:
    if operand.source is not Source.CURRENT_ITEM:
        return f"a field can be compared with a value or with CurrentItem.{operand.name}"
    if attribute.source is not Source.ITEMS:
        return "only fields of Items can be compared with the current item's"
    return None


def _unfit_parameter(operator: Operator, parameter: Parameter) -> str | None:
    if operator is Operator.NOT_IN:
        return (
            "NOT IN takes no placeholder: use IN, and EXCLUDE instead of INCLUDE or the other way"
        )
    if (count := len(parameter.name)) > MAX_PARAMETER_LENGTH:
        return f"a placeholder's name may have {MAX_PARAMETER_LENGTH} characters, not {count}"
    return None
