"""Evaluation of filters: one evaluator for items, users and the current user alike.

Null meets no condition, not even NOT IN and !=. IN, NOT IN and comparisons with text look for
exactly that text among the values of the row; other comparisons are of numbers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.filters.expression import (
    ANY_EVENT_TYPE,
    Action,
    Attribute,
    Clause,
    Condition,
    FilterExpression,
    Operand,
    Operator,
    Parameter,
    Source,
    number_text,
)
from pawsonalize.domain.filters.values import Values, read_number, read_values
from pawsonalize.engine.serving.filters.columns import (
    AttributeColumns,
    Attributes,
    Mask,
    Texts,
    number_of,
    texts_of,
)

_Numbers = NDArray[np.float64]
_COMPARED: Mapping[Operator, Callable[[_Numbers, float], Mask]] = MappingProxyType(
    {
        Operator.EQUAL: np.equal,
        Operator.LESS: np.less,
        Operator.AT_MOST: np.less_equal,
        Operator.GREATER: np.greater,
        Operator.AT_LEAST: np.greater_equal,
    }
)


@dataclass(frozen=True, slots=True)
class Facts:
    """Values that rows are compared with: the placeholders', the current user and item.

    `interactions` are the event types of each row's interactions, casefolded.
    """

    values: Values
    interactions: Texts | None = None
    current_user: Attributes = field(default_factory=dict)
    current_item: Attributes = field(default_factory=dict)


def passing_rows(expression: FilterExpression, rows: AttributeColumns, facts: Facts) -> Mask:
    """True for rows of any INCLUDE, if there is one, without those of any EXCLUDE."""
    included: list[Mask] = []
    excluded: list[Mask] = []
    for clause in expression.clauses:
        if _counts(clause, facts):
            kept = included if clause.action is Action.INCLUDE else excluded
            kept.append(_any_of(clause, rows, facts))
    mask = _either(included) if included else np.ones(len(rows), np.bool_)
    return mask & ~_either(excluded) if excluded else mask


def _counts(clause: Clause, facts: Facts) -> bool:
    if not clause.only_if:
        return True
    user = AttributeColumns(("",), (facts.current_user,))
    return all(bool(_meets(condition, user, facts)[0]) for condition in clause.only_if)


def _any_of(clause: Clause, rows: AttributeColumns, facts: Facts) -> Mask:
    return _either([_all_of(conjunction, rows, facts) for conjunction in clause.any_of])


def _all_of(conjunction: tuple[Condition, ...], rows: AttributeColumns, facts: Facts) -> Mask:
    masks = [_meets(condition, rows, facts) for condition in conjunction]
    return np.asarray(np.logical_and.reduce(masks), np.bool_)


def _either(masks: list[Mask]) -> Mask:
    return np.asarray(np.logical_or.reduce(masks), np.bool_)


def _meets(condition: Condition, rows: AttributeColumns, facts: Facts) -> Mask:
    name, operator = condition.attribute.name, condition.operator
    operands = [value for each in condition.operands for value in _resolved(each, operator, facts)]
    if not operands:  # nothing is known of the current item
        return np.zeros(len(rows), np.bool_)
    if condition.attribute.source is Source.INTERACTIONS:
        assert facts.interactions is not None, "whoever evaluates looks them up"
        event_types = [_text(each).casefold() for each in operands]
        if ANY_EVENT_TYPE in event_types:
            event_types = list(facts.interactions.positions)
        return _among(facts.interactions, event_types, operator)
    if operator.is_list or any(isinstance(each, str) for each in operands):
        return _among(rows.texts(name), list(map(_text, operands)), operator)
    return _compared(rows.numbers(name), float(operands[0]), operator)


def _among(column: Texts, values: list[str], operator: Operator) -> Mask:
    having = column.rows_having(values)
    return column.known & ~having if operator.is_negative else having


def _compared(column: _Numbers, number: float, operator: Operator) -> Mask:
    if operator is Operator.NOT_EQUAL:
        return ~(np.isnan(column) | np.equal(column, number))
    return _COMPARED[operator](column, number)


def _resolved(operand: Operand, operator: Operator, facts: Facts) -> list[str | float]:
    """The values of an operand: none, one or several; numbers where numbers are compared."""
    if isinstance(operand, Parameter):
        values = facts.values[operand.name]
        return list(values) if operator.is_list else [_one(operand, values, operator)]
    if isinstance(operand, Attribute):
        value = facts.current_item.get(operand.name)
        if operator.is_order or (isinstance(value, float) and not operator.is_list):
            number = number_of(value)
            return [] if np.isnan(number) else [number]
        return list(texts_of(value))
    return [operand]


def _one(parameter: Parameter, values: tuple[str, ...], operator: Operator) -> str | float:
    field = f"filterValues.{parameter.name}"
    if len(values) != 1:
        raise InvalidInput(
            f"{operator} compares with one value, and {parameter} has {len(values)}: send one",
            field=field,
        )
    number = read_number(values[0])
    if number is not None:
        return number
    if operator.is_order:
        raise InvalidInput(
            f"{operator} compares numbers, and {parameter} is {values[0]}: send a number",
            field=field,
        )
    return values[0]


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else number_text(value)


@dataclass(frozen=True, slots=True)
class AppliedFilter:
    """An expression whose placeholders all have values; `expression` is None if nothing is left."""

    expression: FilterExpression | None
    values: Values


def apply(
    expression: FilterExpression, given: Mapping[str, str], field: str = "filterValues"
) -> AppliedFilter:
    """The expression with these values, which the caller names `field`.

    An EXCLUDE without values for its placeholders is left out, as Amazon documents it. InvalidInput
    for such an INCLUDE, and for a value without a placeholder.
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
