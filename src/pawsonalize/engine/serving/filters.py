"""Filters as resources: created once they are known to work, found by name when they are used."""

import re
from collections.abc import Mapping
from itertools import islice

import msgspec

from pawsonalize.domain.errors import InvalidInput, NotFound
from pawsonalize.domain.filter_parser import parse
from pawsonalize.domain.filters import (
    Action,
    Attribute,
    FilterExpression,
    Source,
    Values,
    read_values,
)
from pawsonalize.domain.schemas import DatasetType, Schema
from pawsonalize.engine.serving.items import GROUP_FIELDS
from pawsonalize.kinds.datasets import Dataset
from pawsonalize.kinds.defaults import DATASET_GROUP
from pawsonalize.kinds.group_resources import Filter
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.schemas import DatasetSchema
from pawsonalize.storage.animals.catalogue import Catalogue

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


class AppliedFilter(msgspec.Struct, frozen=True):
    """An expression whose placeholders all have values; `expression` is None if nothing is left."""

    expression: FilterExpression | None
    values: Values


def apply(
    expression: FilterExpression, given: Mapping[str, str], field: str = "filterValues"
) -> AppliedFilter:
    """The expression with these values, which the caller names `field`.

    InvalidInput for an INCLUDE without values for its placeholders, and for a value without one.
    """
    # An EXCLUDE without values for its placeholders is left out, as Amazon documents it.
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
