"""Filters: created by name, and applied to the attributes of items and users as columns."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.animals.tables.catalogue import Catalogue, Item
from pawsonalize.core.errors import InvalidInput, NotFound
from pawsonalize.core.event import ACTIONS, Visitor
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.schemas import DatasetType, Schema
from pawsonalize.core.times import MINUTE, SECOND
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.recommend.animals.available import PerCatalogue
from pawsonalize.recommend.query import Query
from pawsonalize.resources.datasets import Dataset, DatasetSchema, Filter
from pawsonalize.resources.defaults import DATASET_GROUP
from pawsonalize.resources.filters import (
    ANY_EVENT_TYPE,
    Action,
    AppliedFilter,
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
    parse,
    read_number,
)
from pawsonalize.resources.registry import Registry

# Distinct fields that all filters of a dataset group may speak of together, as Amazon's.
MAX_FIELDS = 20
# An import gives every row all columns of its file, so the first ones have them.
_ROWS_READ = 1_000
# No name has a space.
_WRITTEN_OUT = re.compile(r"\s*(INCLUDE|EXCLUDE)\s", re.IGNORECASE)
_DATASETS = {
    Source.INTERACTIONS: DatasetType.INTERACTIONS,
    Source.ITEMS: DatasetType.ITEMS,
    Source.CURRENT_ITEM: DatasetType.ITEMS,
    Source.USERS: DatasetType.USERS,
    Source.CURRENT_USER: DatasetType.USERS,
    Source.ACTIONS: DatasetType.ACTIONS,
    Source.ACTION_INTERACTIONS: DatasetType.ACTION_INTERACTIONS,
}


class Filters(msgspec.Struct, frozen=True):
    """The filters of a registry; fields are those of schemas, and of rows in the catalogue."""

    registry: Registry
    catalogue: Catalogue

    def create(
        self,
        name: str,
        expression: str,
        now: int,
        *,
        dataset_group: str = DATASET_GROUP,
        tags: Mapping[str, str] | None = None,
    ) -> Filter:
        """Store a new filter.

        Raises InvalidInput for an expression that is none or speaks of a field that the dataset
        group does not have, Conflict if the name is taken.
        """
        parsed = parse(expression)
        self.check_fields(parsed, dataset_group)
        fields: set[Attribute] = set(parsed.attributes)
        for other in self.registry.all(Filter, parent=dataset_group):
            fields |= parse(other.expression).attributes
        if len(fields) > MAX_FIELDS:
            raise InvalidInput(
                f"the filters of a dataset group may speak of {MAX_FIELDS} fields together, and"
                f" with this one it were {len(fields)}: delete one that is not used",
                field="expression",
            )
        new = Filter(name=name, dataset_group=dataset_group, expression=expression, tags=tags or {})
        return self.registry.create(new, now)

    def find(self, given: str, *, dataset_group: str = DATASET_GROUP) -> FilterExpression:
        """The expression of that name, or as written out; NotFound, or InvalidInput as `create`."""
        if _WRITTEN_OUT.match(given):
            parsed = parse(given)
            self.check_fields(parsed, dataset_group)
            return parsed
        found = self.registry.find(Filter, given)
        if found is None or found.dataset_group != dataset_group:
            raise NotFound(
                f"there is no filter named {given}: create it, or write the expression out",
                field="filter",
            )
        return parse(found.expression)

    def check_fields(self, expression: FilterExpression, dataset_group: str) -> None:
        """InvalidInput names the first field that the dataset group does not have."""
        schemas = {
            dataset.dataset_type: Schema.parse(
                self.registry.get(DatasetSchema, dataset.schema).avro, dataset.dataset_type
            )
            for dataset in self.registry.all(Dataset, parent=dataset_group)
        }
        for attribute in sorted(expression.attributes, key=str):
            name, dataset = attribute.name, _DATASETS[attribute.source]
            schema = schemas.get(dataset)
            if schema is not None and schema.field(name) is not None:
                continue
            if not self._is_used(name, dataset, dataset_group):
                fields = ", ".join(each.name for each in schema.fields) if schema else "no schema"
                raise InvalidInput(
                    f"the dataset {dataset} has no field {name}; its schema has {fields}",
                    field="expression",
                )

    def _is_used(self, name: str, dataset: DatasetType, dataset_group: str) -> bool:
        catalogue = self.catalogue.of(dataset_group)
        match dataset:
            case DatasetType.ITEMS:
                rows = (item.attributes for item in islice(catalogue.items(), _ROWS_READ))
                return name in GROUP_FIELDS or any(name in row for row in rows)
            case DatasetType.USERS:
                rows = (user.attributes for user in islice(catalogue.users(), _ROWS_READ))
                return any(name in row for row in rows)
            case DatasetType.ACTIONS:
                return False
            case _:  # every event has a type, and a filter uses nothing else of it
                return True


Attributes = Mapping[str, str | float | None]
Mask = NDArray[np.bool_]
MAX_METADATA_COLUMNS = 10
GROUP_FIELDS = ("ANIMAL_TYPE", "ANIMAL_BREED", "ANIMAL_SIZE", "ANIMAL_AGE")
"""The parts of an animal group's id, in its order."""
_ITEMS = "ITEMS"


class Texts(msgspec.Struct, frozen=True):
    """A column of text: the rows of each value, and the rows with any value, shape (rows,)."""

    positions: Mapping[str, NDArray[np.intp]]
    known: Mask

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, str]], rows: int) -> "Texts":
        """From pairs of row and value; a row may have several, or none."""
        places: dict[str, list[int]] = {}
        known = np.zeros(rows, np.bool_)
        for row, value in pairs:
            places.setdefault(value, []).append(row)
        positions = {value: np.array(found, np.intp) for value, found in places.items()}
        for found in positions.values():
            known[found] = True
        return cls(positions, known)

    def rows_having(self, values: Iterable[str]) -> Mask:
        """True for rows that have one of the values, shape (rows,)."""
        mask = np.zeros(len(self.known), np.bool_)
        for value in values:
            if (found := self.positions.get(value)) is not None:
                mask[found] = True
        return mask


class AttributeColumns:
    """Columns of rows, made when needed; text with `|` is several values, a number also text."""

    def __init__(self, ids: Sequence[str], rows: Sequence[Attributes]) -> None:
        self.ids = ids
        self._rows = rows
        self._texts: dict[str, Texts] = {}
        self._numbers: dict[str, NDArray[np.float64]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @cached_property
    def position(self) -> Mapping[str, int]:
        """The row of each id."""
        return {row_id: place for place, row_id in enumerate(self.ids)}

    def texts(self, name: str) -> Texts:
        """The attribute as text."""
        column = self._texts.get(name)
        if column is None:
            pairs = (
                (place, text)
                for place, row in enumerate(self._rows)
                for text in texts_of(row.get(name))
            )
            column = self._texts[name] = Texts.of(pairs, len(self))
        return column

    def numbers(self, name: str) -> NDArray[np.float64]:
        """The attribute as numbers, shape (rows,); NaN for null and for text that is none."""
        column = self._numbers.get(name)
        if column is None:
            values = [number_of(row.get(name)) for row in self._rows]
            column = self._numbers[name] = np.array(values, np.float64)
        return column


def texts_of(value: str | float | None) -> list[str]:
    """The values that an attribute holds, as text."""
    if value is None:
        return []
    if isinstance(value, str):
        return list(filter(None, value.split("|")))
    return [number_text(float(value))]  # Python 3.11 cannot ask an int whether it is whole


def number_of(value: str | float | None) -> float:
    """The number that an attribute is or reads as, NaN if none."""
    number = read_number(value) if isinstance(value, str) else value
    return float("nan") if number is None else float(number)


class _Reading(msgspec.Struct, frozen=True):
    at: int
    changes: int
    items: Mapping[str, Item]
    columns: PerCatalogue[AttributeColumns]

    def rows(self, item_ids: Sequence[str]) -> list[Attributes]:
        return [_described(item_id, self.items.get(item_id)) for item_id in item_ids]

    def columns_of(self, item_ids: tuple[str, ...]) -> AttributeColumns:
        return self.columns.get(item_ids, lambda: AttributeColumns(item_ids, self.rows(item_ids)))


@dataclass(eq=False)
class MetadataReader:
    """The items dataset, read when a query needs it, and again by `refresh` or after a minute."""

    catalogue: Catalogue

    def __post_init__(self) -> None:
        self._last: _Reading | None = None

    def refresh(self, now: int) -> None:
        """Read again, if a query has ever needed it; columns stay if nothing has changed."""
        before = self._last
        if before is None:
            return
        if before.changes == self.catalogue.item_changes():
            self._last = replace(before, at=now)
            return
        read = self._read(now)
        for item_ids in reversed(before.columns.catalogues):  # so that no answer waits for them
            read.columns_of(item_ids)
        self._last = read

    def columns(self, item_ids: tuple[str, ...], now: int) -> AttributeColumns:
        """The attributes of a model's items; as columns they are kept as long as the items are."""
        return self._current(now).columns_of(item_ids)

    def of(self, item_ids: Sequence[str], now: int) -> list[Attributes]:
        """The attributes of each of the items, by upper-case name; of an unknown one, its id."""
        return self._current(now).rows(item_ids)

    def select_columns(
        self, item_ids: Sequence[str], wanted: Mapping[str, Sequence[str]], now: int
    ) -> list[Attributes]:
        """The attributes that `metadataColumns` names: `{"ITEMS": ["GENRES"]}`; None if lacking."""
        names = [name.upper() for columns in wanted.values() for name in columns]
        others = [dataset for dataset in wanted if dataset.upper() != _ITEMS]
        wrong = None
        if others:
            wrong = f"knows the dataset {_ITEMS}, not {others[0]}"
        elif len(names) > MAX_METADATA_COLUMNS:
            wrong = f"may name {MAX_METADATA_COLUMNS} columns, not {len(names)}"
        if wrong:
            raise InvalidInput(f"metadataColumns {wrong}", field="metadataColumns")
        return [{name: row.get(name) for name in names} for row in self.of(item_ids, now)]

    def _current(self, now: int) -> _Reading:
        reading = self._last
        if reading is None or abs(now - reading.at) > MINUTE:
            reading = self._last = self._read(now)
        return reading

    def _read(self, now: int) -> _Reading:
        # The changes are read first: what changes while the items are read is read again.
        changes = self.catalogue.item_changes()
        items = {item.item_id: item for item in self.catalogue.items()}
        return _Reading(now, changes, items, PerCatalogue())


def _described(item_id: str, item: Item | None) -> Attributes:
    row: dict[str, str | float | None] = {"ITEM_ID": item_id}
    group = AnimalGroup.parse(item_id)
    if group is not None:
        parts = (group.species, group.breed, group.size, group.age)
        row |= zip(GROUP_FIELDS, parts, strict=True)
    if item is not None:
        row |= {name: value for name, value in item.attributes.items() if value is not None}
        if item.created_at is not None:
            row["CREATION_TIMESTAMP"] = item.created_at / SECOND
    return row


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
