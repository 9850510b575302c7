"""Filters applied: one evaluator for items, users and the current user alike."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import ACTIONS, Visitor
from pawsonalize.domain.filters import (
    ANY_EVENT_TYPE,
    Action,
    Attribute,
    Condition,
    FilterExpression,
    Operand,
    Operator,
    Parameter,
    Source,
    Subject,
    Values,
    number_text,
    read_number,
)
from pawsonalize.engine.serving.context import Query
from pawsonalize.engine.serving.filters import AppliedFilter
from pawsonalize.engine.serving.items import (
    AttributeColumns,
    Attributes,
    Mask,
    MetadataReader,
    Texts,
    number_of,
    texts_of,
)
from pawsonalize.storage.animals.catalogue import Catalogue
from pawsonalize.storage.events.event_log import EventLog

# So many of a visitor's newest interactions of each event type count, as in Amazon Personalize.
INTERACTIONS_PER_TYPE = 100
# A visitor with more is a machine, and must not slow down the others.
_READ = 10_000
_COMPARED: Mapping[Operator, Callable[[NDArray[np.float64], float], Mask]] = {
    Operator.EQUAL: np.equal,
    Operator.LESS: np.less,
    Operator.AT_MOST: np.less_equal,
    Operator.GREATER: np.greater,
    Operator.AT_LEAST: np.greater_equal,
}


# Null meets no condition, not even NOT IN and !=. IN, NOT IN and comparisons with text look for
# exactly that text among the values of the row; other comparisons are of numbers.
class Facts(msgspec.Struct, frozen=True):
    """Values that rows are compared with; `interactions` are each row's event types, casefolded."""

    values: Values
    interactions: Texts | None = None
    current_user: Attributes = msgspec.field(default_factory=dict)
    current_item: Attributes = msgspec.field(default_factory=dict)


def passing_rows(expression: FilterExpression, rows: AttributeColumns, facts: Facts) -> Mask:
    """True for rows of any INCLUDE, if there is one, without those of any EXCLUDE."""
    masks: dict[Action, list[Mask]] = {Action.INCLUDE: [], Action.EXCLUDE: []}
    user = AttributeColumns(("",), (facts.current_user,))
    for clause in expression.clauses:
        if all(bool(_meets(condition, user, facts)[0]) for condition in clause.only_if):
            masks[clause.action] += [
                np.logical_and.reduce([_meets(condition, rows, facts) for condition in conjunction])
                for conjunction in clause.any_of
            ]
    included, excluded = masks.values()
    mask = np.logical_or.reduce(included) if included else np.ones(len(rows), np.bool_)
    return np.asarray(mask & ~np.logical_or.reduce(excluded) if excluded else mask, np.bool_)


def _meets(condition: Condition, rows: AttributeColumns, facts: Facts) -> Mask:
    name, operator = condition.attribute.name, condition.operator
    operands = [value for each in condition.operands for value in _resolved(each, operator, facts)]
    if not operands:  # nothing is known of the current item
        return np.zeros(len(rows), np.bool_)
    if condition.attribute.source.is_of_events:
        assert facts.interactions is not None, "interactions are looked up before the evaluation"
        event_types = [_text(each).casefold() for each in operands]
        if ANY_EVENT_TYPE in event_types:
            event_types = list(facts.interactions.positions)
        return _among(facts.interactions, event_types, operator)
    if operator.is_list or any(isinstance(each, str) for each in operands):
        return _among(rows.texts(name), list(map(_text, operands)), operator)
    column, number = rows.numbers(name), float(operands[0])
    if operator is Operator.NOT_EQUAL:
        return ~(np.isnan(column) | np.equal(column, number))
    return _COMPARED[operator](column, number)


def _among(column: Texts, values: list[str], operator: Operator) -> Mask:
    having = column.rows_having(values)
    return column.known & ~having if operator.is_negative else having


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
    if number is None and operator.is_order:
        raise InvalidInput(
            f"{operator} compares numbers, and {parameter} is {values[0]}: send a number",
            field=field,
        )
    return values[0] if number is None else number


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else number_text(value)


@dataclass(eq=False)
class Filtering:
    """Decides which items or users of a dataset group pass; events count once acknowledged."""

    log: EventLog
    catalogue: Catalogue

    def __post_init__(self) -> None:
        self.metadata = MetadataReader(self.catalogue)

    def items(self, applied: AppliedFilter, item_ids: tuple[str, ...], query: Query) -> Mask:
        """True for the model's items, or actions, that pass, shape (items,)."""
        return self._passing(applied, self.metadata.columns(item_ids, query.now), query)

    def listed(self, applied: AppliedFilter, item_ids: Iterable[str], query: Query) -> set[str]:
        """The ids that pass, inside or outside the model."""
        ids = tuple(dict.fromkeys(item_ids))
        rows = AttributeColumns(ids, self.metadata.of(ids, query.now))
        passed = self._passing(applied, rows, query)
        return {ids[place] for place in np.flatnonzero(passed)}

    def users(self, applied: AppliedFilter, user_ids: Iterable[str], at: int) -> list[str]:
        """Those of the users that pass a filter of users, as of `at`, in their order."""
        ids, expression = tuple(user_ids), applied.expression
        if expression is None:
            return list(ids)
        _check(expression, Subject.USER)
        users = [self.catalogue.user(user_id) for user_id in ids]
        rows = AttributeColumns(
            ids,
            [
                {"USER_ID": user_id, **(user.attributes if user else {})}
                for user_id, user in zip(ids, users, strict=True)
            ],
        )
        interactions = None
        if expression.speaks_of(Source.INTERACTIONS):
            pairs = (
                (place, event_type)
                for place, user_id in enumerate(ids)
                for _, event_type in self._interactions_of(Visitor(user_id), at)
            )
            interactions = Texts.of(pairs, len(ids))
        passed = passing_rows(expression, rows, Facts(applied.values, interactions))
        return [ids[place] for place in np.flatnonzero(passed)]

    def _passing(self, applied: AppliedFilter, rows: AttributeColumns, query: Query) -> Mask:
        expression, visitor = applied.expression, query.visitor
        if expression is None:
            return np.ones(len(rows), np.bool_)
        is_of_actions = self.log.dataset_group.endswith(ACTIONS)
        _check(expression, Subject.ACTION if is_of_actions else Subject.ITEM)
        user: Attributes = {}
        if visitor.user_id is not None and expression.speaks_of(Source.CURRENT_USER):
            user = {"USER_ID": visitor.user_id, **query.attributes(self.catalogue)}
        interactions = None
        if any(one.source.is_of_events for one in expression.attributes):
            found = (
                (rows.position[item_id], event_type)
                for item_id, event_type in self._interactions_of(visitor, query.at)
                if item_id in rows.position
            )
            interactions = Texts.of(found, len(rows))
        item: Attributes = {}
        if expression.speaks_of(Source.CURRENT_ITEM):
            if query.item_id is None:
                raise InvalidInput(
                    "the filter speaks of CurrentItem: ask about an item, with its itemId",
                    field="itemId",
                )
            (item,) = self.metadata.of((query.item_id,), query.now)
        return passing_rows(expression, rows, Facts(applied.values, interactions, user, item))

    def _interactions_of(self, visitor: Visitor, at: int) -> set[tuple[str, str]]:
        """The items and event types of what counts as of `at`; types of any case are one."""
        found: set[tuple[str, str]] = set()
        counts = Counter[str]()
        events = () if visitor == Visitor() else self.log.recent(visitor, at, _READ)
        for item_id, event_type, _sent_at, _value in events:
            kind = event_type.casefold()
            counts[kind] += 1
            if counts[kind] <= INTERACTIONS_PER_TYPE:
                found.add((item_id, kind))
        return found


def _check(expression: FilterExpression, subject: Subject) -> None:
    if expression.subject is not subject:
        raise InvalidInput(
            f"the filter is of {expression.subject}, and here it must be of {subject}:"
            " choose another",
            field="filter",
        )


@dataclass(eq=False)
class Filterings:
    """The filtering of each dataset group, made when a query first needs it."""

    log: EventLog
    catalogue: Catalogue

    def __post_init__(self) -> None:
        self._made: dict[str, Filtering] = {}

    def of(self, dataset_group: str) -> Filtering:
        """That of the dataset group."""
        made = self._made.get(dataset_group)
        if made is None:
            new = Filtering(self.log.of(dataset_group), self.catalogue.of(dataset_group))
            # Of two threads that made one, the first one's stays.
            made = self._made.setdefault(dataset_group, new)
        return made

    def refresh(self, now: int) -> None:
        """Read the items' metadata again, if a query has ever needed it."""
        # A copy, as other threads add to it.
        for filtering in list(self._made.values()):
            filtering.metadata.refresh(now)
