"""What must be deleted before what."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pawsonalize.domain.errors import Conflict
from pawsonalize.engine.resources.campaigns import Campaign
from pawsonalize.engine.resources.datasets import (
    Dataset,
    DatasetGroup,
    DatasetImportJob,
    DatasetSchema,
    EventTracker,
    Filter,
)
from pawsonalize.engine.resources.resource import Resource, from_row
from pawsonalize.engine.resources.solutions import Solution, SolutionVersion
from pawsonalize.storage.base import Resources

_MANY = 1_000
_Condition = Callable[[Any, Any], bool]


def check_unneeded(rows: Resources, resource: Resource) -> None:
    """Conflict that names what has to be deleted first, if anything has."""
    for kind, owner, needs in _RULES.get(type(resource), ()):
        for row in rows.list(kind.kind, _MANY, parent=owner(resource)):
            if needs(from_row(row, kind), resource):
                raise Conflict(
                    f"{resource.kind} {resource.name} is needed by {row.kind} {row.name}:"
                    " delete that first"
                )


def _itself(resource: Resource) -> str:
    return resource.name


def _anybody(_resource: Resource) -> None:
    return None


def _its_solution(version: SolutionVersion) -> str:
    return version.solution


def _always(_needing: Resource, _needed: Resource) -> bool:
    return True


def _in_work(needing: Resource, _needed: Resource) -> bool:
    return not needing.status.is_settled


def _describes(dataset: Dataset, schema: DatasetSchema) -> bool:
    return dataset.schema == schema.name


def _serves(campaign: Campaign, version: SolutionVersion) -> bool:
    return version.name in campaign.versions


# Needed: by resources of this kind, that belong to whom, on which condition.
_RULES: Mapping[
    type[Resource], tuple[tuple[type[Resource], Callable[[Any], str | None], _Condition], ...]
] = MappingProxyType(
    {
        DatasetGroup: tuple(
            (kind, _itself, _always) for kind in (Solution, EventTracker, Filter, Dataset)
        ),
        DatasetSchema: ((Dataset, _anybody, _describes),),
        Dataset: ((DatasetImportJob, _itself, _in_work),),
        Solution: ((Campaign, _itself, _always), (SolutionVersion, _itself, _in_work)),
        SolutionVersion: ((Campaign, _its_solution, _serves),),
    }
)
