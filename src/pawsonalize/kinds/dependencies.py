"""Dependencies: what must exist before a resource is created, and what must be deleted first."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pawsonalize.domain.errors import Conflict, InvalidInput, NotFound
from pawsonalize.kinds.campaigns import Campaign, Recommender
from pawsonalize.kinds.datasets import (
    Dataset,
    DatasetGroup,
    DatasetImportJob,
    DatasetSchema,
    EventTracker,
    Filter,
    MetricAttribution,
)
from pawsonalize.kinds.jobs import (
    BatchInferenceJob,
    BatchSegmentJob,
    DataDeletionJob,
    DatasetExportJob,
)
from pawsonalize.kinds.resource import Resource, from_row
from pawsonalize.kinds.solutions import Solution, SolutionVersion
from pawsonalize.kinds.status import Status
from pawsonalize.storage.resources import Resources

_MANY = 1_000
_Condition = Callable[[Any, Any], bool]


def check_owner(rows: Resources, resource: Resource) -> None:
    """NotFound that names what has to be created first; Conflict if that is not ACTIVE."""
    for kind, named in _NEEDED.get(type(resource), ()):
        name = named(resource)
        row = rows.get(kind.kind, name)
        if row is None:
            raise NotFound(f"there is no {kind.kind} named {name}: create it first")
        if row.status != Status.ACTIVE:
            raise Conflict(f"{kind.kind} {name} is {row.status}: wait until it is ACTIVE")
        if isinstance(resource, Dataset) and kind is DatasetSchema:
            check_type(resource, from_row(row, DatasetSchema))


def check_type(dataset: Dataset, schema: DatasetSchema) -> None:
    """InvalidInput for a schema of another type of dataset."""
    if schema.dataset_type is not dataset.dataset_type:
        raise InvalidInput(
            f"schema {schema.name} is of {schema.dataset_type}, and the dataset of"
            f" {dataset.dataset_type}: choose another schema",
            field="schema",
        )


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


def _is_served_by(recommender: Recommender, campaign: Campaign) -> bool:
    return recommender.served_by == campaign.name


def _its_group(resource: Any) -> str:
    group: str = resource.dataset_group
    return group


def _its_version(job: Any) -> str:
    version: str = job.solution_version
    return version


# What a new resource of the kind needs, and where it names it.
_NEEDED: Mapping[type[Resource], tuple[tuple[type[Resource], Callable[[Any], str]], ...]] = (
    MappingProxyType(
        {
            Dataset: ((DatasetGroup, _its_group), (DatasetSchema, lambda new: str(new.schema))),
            EventTracker: ((DatasetGroup, _its_group),),
            Filter: ((DatasetGroup, _its_group),),
            Solution: ((DatasetGroup, _its_group),),
            DatasetImportJob: ((Dataset, lambda new: str(new.dataset)),),
            DatasetExportJob: ((Dataset, lambda new: str(new.dataset)),),
            DataDeletionJob: ((DatasetGroup, _its_group),),
            BatchInferenceJob: ((SolutionVersion, _its_version),),
            BatchSegmentJob: ((SolutionVersion, _its_version),),
            MetricAttribution: ((DatasetGroup, _its_group),),
            Recommender: ((DatasetGroup, _its_group),),
            Campaign: ((Solution, lambda new: str(new.solution)),),
        }
    )
)

# Needed: by resources of this kind, that belong to whom, on which condition.
_RULES: Mapping[
    type[Resource], tuple[tuple[type[Resource], Callable[[Any], str | None], _Condition], ...]
] = MappingProxyType(
    {
        DatasetGroup: (
            *(
                (kind, _itself, _always)
                for kind in (
                    MetricAttribution,
                    Recommender,
                    Solution,
                    EventTracker,
                    Filter,
                    Dataset,
                )
            ),
            (DataDeletionJob, _itself, _in_work),
        ),
        DatasetSchema: ((Dataset, _anybody, _describes),),
        Dataset: (
            (DatasetImportJob, _itself, _in_work),
            (DatasetExportJob, _itself, _in_work),
            (DataDeletionJob, _its_group, _in_work),
        ),
        Campaign: ((Recommender, _anybody, _is_served_by),),
        Solution: ((Campaign, _itself, _always), (SolutionVersion, _itself, _in_work)),
        SolutionVersion: (
            (Campaign, _its_solution, _serves),
            (BatchInferenceJob, _itself, _in_work),
            (BatchSegmentJob, _itself, _in_work),
        ),
    }
)
