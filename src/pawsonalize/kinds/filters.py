"""Filters: expressions that say which items an answer may hold."""

from typing import Any, ClassVar

from pawsonalize.kinds.datasets import PANEL, DatasetGroup
from pawsonalize.kinds.kind import (
    Commands,
    Kind,
    Native,
    Param,
    Quota,
    Values,
    Wire,
)
from pawsonalize.kinds.resource import Resource


class Filter(Resource, frozen=True, kw_only=True):
    """An expression that says which items an answer may hold."""

    kind: ClassVar[str] = "filter"
    owner: ClassVar[str | None] = "dataset_group"

    dataset_group: str
    expression: str


def _create_filter(parts: Any, values: Values, now: int) -> Filter:
    created: Filter = parts.filters.create(now=now, **values)
    return created


KINDS: tuple[Kind[Any], ...] = (
    Kind(
        resource=Filter,
        parent=DatasetGroup,
        quota=Quota(limit=10),
        create=_create_filter,
        native=Native(
            tag="Filters",
            list="Which items answers may hold, by name, newest first.",
            create="Create a filter from an expression.",
            delete="Delete a filter.",
            request=("name", "expression", "dataset_group"),
            answer=("dataset_group", "expression"),
            docs={
                "request": "A filter to create: its name, and what it says in Amazon Personalize's"
                " filter language.",
                "answer": "An expression that says which items an answer may hold.",
            },
            examples={
                "no cats": {
                    "name": "no-cats",
                    "expression": 'EXCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("1")',
                }
            },
            by_address=True,
        ),
        wire=Wire(
            creates="Creates a filter in Amazon's language; it is ACTIVE at once.",
            deletes="Deletes a filter; requests that name it from then on are refused.",
            members={"filterExpression": "expression"},
            plural="Filters",
        ),
        commands=Commands(
            panel=PANEL,
            about="Filters: which items an answer may hold.",
            columns=("name", "dataset_group", "status", "expression"),
            show=("Show a filter.", "dogs-only"),
            create=(
                "Create a filter; running servers know it at once.",
                "dogs-only 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN (\"2\")'",
            ),
            params=(
                "name",
                Param(
                    name="expression",
                    help="What passes: see docs/reference/filters.md.",
                    is_argument=True,
                ),
                "dataset_group",
            ),
            delete=(
                "Delete a filter; who names it from now on is told that there is none.",
                "dogs-only",
            ),
        ),
    ),
)
